//! Where there is no logind, the machine is left as it is.

use bailiwick_core::{policy::PowerVerb, ports::PowerError};

pub(super) const fn address() -> String {
    String::new()
}

pub(super) async fn uninhibited(address: &str, verb: PowerVerb) -> Result<(), PowerError> {
    ask(address, verb).await
}

pub(super) async fn ask(_: &str, _: PowerVerb) -> Result<(), PowerError> {
    let reason = "there is no logind on this system".to_owned();
    Err(PowerError::Unavailable(reason))
}
