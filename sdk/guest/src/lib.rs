//! Write a Bailiwick plugin: one file, one trait, one macro.
//!
//! ```
//! use bailiwick_sdk::{CollectError, Collection, Collector, Field, Rows, Schema, files};
//!
//! struct Load;
//!
//! impl Collector for Load {
//!     fn schema() -> Schema {
//!         Schema::new([Collection::single("load", [Field::text("one-minute")])])
//!     }
//!
//!     fn new() -> Self {
//!         Load
//!     }
//!
//!     fn collect(&mut self) -> Result<Rows, CollectError> {
//!         let text = files::read_text("/proc/loadavg", 4_096)?;
//!         let mut rows = Rows::new(&Self::schema());
//!         rows.push("load", [text.split(' ').next().into()]);
//!         Ok(rows)
//!     }
//! }
//!
//! bailiwick_sdk::collector!(Load);
//! ```
//!
//! `cargo bailiwick build` makes a component of it that imports exactly the functions it
//! calls. Compiled for anything but WebAssembly, the same code calls the fakes of
//! [`fake`], so its unit tests run with plain `cargo test`.
//!
//! What each function guarantees is written in the contract, `wit/`; the modules here
//! only give it Rust's shape.

// The generated export macro names its crate from outside and from inside alike.
extern crate self as bailiwick_sdk;

mod action_handler;
mod bindings;
mod collector;
mod rows;
mod schema;
mod session_collector;

pub mod clock;
pub mod config;
pub mod exec;
pub mod files;
pub mod http;
pub mod log;
pub mod message;
pub mod network;
pub mod power;
pub mod process_control;
pub mod processes;
pub mod progress;
pub mod sessions;
pub mod state;
pub mod system;
pub mod wake;
pub mod watch;

#[cfg(not(target_arch = "wasm32"))]
pub mod fake;

pub use action_handler::{ActionHandler, Failure, Request};
pub use collector::{CollectError, Collector, Refusal};
pub use rows::{Cell, Rows};
pub use schema::{Collection, Field, Kind, Privacy, Schema};
pub use session_collector::SessionCollector;

// What answers the capabilities' functions: the host, or the fakes.
#[cfg(target_arch = "wasm32")]
use bindings::{bailiwick::plugin as host, handle_part::bailiwick::plugin as handler_host};
#[cfg(not(target_arch = "wasm32"))]
use fake::{capabilities as host, capabilities as handler_host};

/// For the code that `collector!` and `action_handler!` write; not for plugins.
#[doc(hidden)]
pub mod rt {
    pub use crate::bindings::{export_collect, exports, handle_part, handover_part};
    pub use wit_bindgen;
}
