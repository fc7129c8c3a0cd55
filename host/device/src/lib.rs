//! The only user of the operating system: files, links, system facts, clocks.
