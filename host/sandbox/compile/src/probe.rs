//! The probes: small hostile components of our own, compiled on the device so that their
//! artifacts fit its engine. `bailiwick-sandbox` runs them under a plugin's limits.

use crate::exit::Failure;

/// Name and text of each, in order of name.
const PROBES: &[(&str, &str)] = &include!(concat!(env!("OUT_DIR"), "/probes.rs"));

/// The names, one a line.
pub fn list() -> String {
    PROBES.iter().map(|(name, _)| format!("{name}\n")).collect()
}

/// The text of the probe called `name`.
///
/// # Errors
///
/// [`Failure::Usage`] if there is none of that name.
pub fn text(name: &str) -> Result<&'static str, Failure> {
    PROBES
        .iter()
        .find_map(|(known, text)| (*known == name).then_some(*text))
        .ok_or_else(|| Failure::Usage(format!("no probe is called `{name}`, see `--probe list`")))
}
