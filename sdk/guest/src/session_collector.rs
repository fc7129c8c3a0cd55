//! The trait that a session-collector implements, and the macro that exports it.

use crate::{CollectError, Refusal, Rows, Schema};

/// A plugin that is sampled once per session: each session has an instance of its own, which
/// is started within two seconds after it opened and ends, after a last sample, when it closed.
///
/// One value lives as long as the instance. What [`crate::state`] keeps is kept per session,
/// and forgotten when it closes. Samples go into files of some minutes; the policy says how
/// often and how long.
pub trait SessionCollector: Sized + 'static {
    /// Its collections; the same each time.
    fn schema() -> Schema;

    /// A fresh one, before its first sample.
    fn new() -> Self;

    /// All rows of all collections at this moment. The host alone compares with the sample
    /// before. [`crate::sessions::own`] tells of the session, [`crate::processes::read`] of
    /// its processes.
    ///
    /// # Errors
    /// A refusal to answer, in place of rows.
    fn sample(&mut self) -> Result<Rows, CollectError>;

    /// What the next version needs to know; empty means nothing.
    fn save(&self) -> Vec<u8> {
        Vec::new()
    }

    /// One that goes on from what version `from_version` saved. By default it starts
    /// afresh.
    ///
    /// # Errors
    /// A refusal stops the swap: the old version goes on and nothing is lost.
    fn load(from_version: &str, state: &[u8]) -> Result<Self, Refusal> {
        let _ = (from_version, state);
        Ok(Self::new())
    }
}

/// Exports a [`SessionCollector`] as the component's world `session-collector`. Once per
/// plugin.
#[macro_export]
macro_rules! session_collector {
    ($collector:ty) => {
        const _: () = {
            use $crate::SessionCollector;

            // The world has the exports of `collector`.
            struct Sampled($collector);

            impl $crate::Collector for Sampled {
                fn schema() -> $crate::Schema {
                    <$collector>::schema()
                }

                fn new() -> Self {
                    Self(<$collector>::new())
                }

                fn collect(&mut self) -> Result<$crate::Rows, $crate::CollectError> {
                    self.0.sample()
                }

                fn save(&self) -> ::std::vec::Vec<u8> {
                    self.0.save()
                }

                fn load(from_version: &str, state: &[u8]) -> Result<Self, $crate::Refusal> {
                    <$collector>::load(from_version, state).map(Self)
                }
            }

            $crate::collector!(Sampled);
        };
    };
}
