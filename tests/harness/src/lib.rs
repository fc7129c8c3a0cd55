//! What the tests that cross crates share: built programs, repositories and guests.
