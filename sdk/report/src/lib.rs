//! Reports for any schema: rows, diff, encoding, decoding.
