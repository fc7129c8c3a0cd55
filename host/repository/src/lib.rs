//! Writes TUF: roles, delegations, publish, assign, revoke, refuse, rotate.
//!
//! A repository is one folder. `public` holds static files that any web server can serve;
//! `keys` one file for each signing key, readable by its owner alone; `tls` a certificate
//! authority and a server certificate for a console on this machine. A process that
//! serves `public` needs neither of the others but its own server key.
//!
//! ```text
//! public/1.root.json  1.targets.json  1.policies.json  1.vendor-acme.json
//! public/1.snapshot.json  timestamp.json
//! public/vendor/acme/inventory/<sha256>.0.1.0.wasm
//! public/policies/<sha256>.assignment.toml
//! keys/root-2026.json  keys/policies-2026.json  keys/vendor-acme-2026.json  …
//! online-keys/snapshot-2026.json  online-keys/timestamp-2026.json
//! drafts/2.root.json   a change that waits for signatures
//! ```
//!
//! Every change is drafted in memory, read back through the reader that devices use, and
//! only then written; `timestamp.json` comes last, by a rename, so that a reader sees
//! either all of a change or nothing. A change whose signers are elsewhere waits in
//! `drafts` for them.

mod assign;
mod disk;
mod draft;
mod error;
mod forbid;
mod gate;
mod hex;
mod init;
mod key;
mod metadata;
mod online;
mod operators;
mod pending;
mod publish;
mod quoted;
mod roles;
mod rotate;
mod signatures;
mod status;
mod tls;
mod tree;
mod verified;

pub use assign::Assign;
pub use error::RepositoryError;
pub use forbid::Named;
pub use init::{Init, Initialised};
pub use key::{Key, KeyFile, OPERATOR, PublicKey};
pub use metadata::envelope;
pub use online::{Renewal, Renewed, renewal};
pub use pending::{SignedDraft, sign_draft};
pub use publish::{Publish, Published};
pub use roles::RoleChange;
pub use rotate::TopRole;
pub use status::{ListedTarget, RoleKey, RoleStatus, Status};
pub use tree::Repository;
pub use verified::Verified;
