//! Reads TUF: refresh, hardened store, generations, probation, rollback.
