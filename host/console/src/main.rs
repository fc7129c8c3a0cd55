//! The program `bailiwick-console`: update endpoint, report ingest and repository authoring for one desk.

fn main() {}
