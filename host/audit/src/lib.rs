//! Static reading of components: imports to the function, WASI baseline, verdict against a policy.
//!
//! Nothing is run or compiled here. [`inspect`] takes any bytes, validates them and says
//! what the component would ask for; [`bailiwick_core::audit::verdict`] compares that with
//! a policy; [`render`] tells a person.
//!
//! What an inspection does *not* prove: that a plugin uses well what it asks for. It is
//! the upper bound of what it can reach: the host links nothing that is not listed here.

mod error;
mod inspect;
mod inspection;
mod name;
mod producers;
mod render;

pub use error::AuditError;
pub use inspect::{DEEPEST, LARGEST, inspect};
pub use inspection::{CoreModule, Inspection, Interface, Memory, Producer};
pub use render::render;
