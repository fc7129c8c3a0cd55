//! Static reading of components: imports to the function, WASI baseline, verdict against a policy.
