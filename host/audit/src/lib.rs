//! Static reading of components and policies: imports to the function, WASI baseline, verdict
//! against a policy, and rules about what a security team looks for.
//!
//! Nothing is run or compiled here. [`inspect`] takes any bytes, validates them and says
//! what the component would ask for; [`bailiwick_core::audit::verdict`] compares that with
//! a policy; [`render`] tells a person. [`judge`] holds a plugin, as far as it is known,
//! against every [`Rule`], and [`report`] tells a whole audit as text, JSON, SARIF or a page.
//!
//! What an inspection does *not* prove: that a plugin uses well what it asks for. It is
//! the upper bound of what it can reach: the host links nothing that is not listed here.

mod difference;
mod error;
mod finding;
mod inspect;
mod inspection;
mod name;
mod policy_file;
mod producers;
pub mod record;
mod render;
pub mod report;
mod rule;
mod rules;
mod subject;
mod visible;
mod words;

pub use difference::{Difference, DifferenceLine};
pub use error::AuditError;
pub use finding::{Finding, Place, Position};
pub use inspect::{DEEPEST, LARGEST, inspect};
pub use inspection::{CoreModule, Inspection, Interface, Memory, Producer};
pub use policy_file::PolicyFile;
pub use render::render;
pub use rule::{Level, Rule, rules_document};
pub use rules::{Known, judge};
pub use subject::{Changes, Component, Release, Role, Signers, Subject};
pub use visible::visible;
