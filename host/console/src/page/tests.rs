//! The page on loopback, asked byte by byte.

mod access;
mod content;
mod desk;
