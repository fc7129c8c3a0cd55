//! Write a Bailiwick plugin: one file, one trait, one macro.
