//! The trait that a collector implements, and the macro that exports it.

pub use crate::bindings::{
    exports::bailiwick::plugin::collect::CollectError,
    handover_part::exports::bailiwick::plugin::handover::Refusal,
};
use crate::{Rows, Schema};

/// A plugin that reports what the device is.
///
/// One value lives as long as the instance: what `collect` keeps in `self` is there at the
/// next call, and gone when the host replaces the instance, unless [`Collector::save`] and
/// [`Collector::load`] hand it over (to the next version, and over the rest of a plugin
/// that is not called for minutes) or the plugin keeps it in [`crate::state`].
pub trait Collector: Sized + 'static {
    /// Its collections; the same each time.
    fn schema() -> Schema;

    /// A fresh one, before its first `collect`.
    fn new() -> Self;

    /// Reads the device: all rows of all collections, each time. The host alone compares
    /// with the last report.
    ///
    /// # Errors
    /// A refusal to answer, in place of rows. What is merely missing on this device is no
    /// error: leave its collection empty.
    fn collect(&mut self) -> Result<Rows, CollectError>;

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

/// Exports a [`Collector`] as the component's world `collector`. Once per plugin.
#[macro_export]
macro_rules! collector {
    ($collector:ty) => {
        const _: () = {
            use ::std::{cell::RefCell, string::String, vec::Vec};
            use $crate::rt::exports::bailiwick::plugin::collect;
            use $crate::rt::handover_part::exports::bailiwick::plugin::handover;

            ::std::thread_local! {
                static INSTANCE: RefCell<Option<$collector>> = const { RefCell::new(None) };
            }

            struct Plugin;

            impl collect::Guest for Plugin {
                fn schema() -> Vec<collect::Collection> {
                    <$collector as $crate::Collector>::schema().into()
                }

                fn collect() -> Result<Vec<u8>, collect::CollectError> {
                    INSTANCE.with_borrow_mut(|instance| {
                        let instance =
                            instance.get_or_insert_with(<$collector as $crate::Collector>::new);
                        $crate::Collector::collect(instance).map($crate::Rows::into_bytes)
                    })
                }
            }

            impl handover::Guest for Plugin {
                fn save() -> Vec<u8> {
                    INSTANCE.with_borrow(|instance| {
                        instance
                            .as_ref()
                            .map_or_else(Vec::new, $crate::Collector::save)
                    })
                }

                fn load(from_version: String, state: Vec<u8>) -> Result<(), handover::Refusal> {
                    let loaded = <$collector as $crate::Collector>::load(&from_version, &state)?;
                    INSTANCE.set(Some(loaded));
                    Ok(())
                }
            }

            #[cfg(target_arch = "wasm32")]
    $crate::rt::export_collect!(Plugin with_types_in $crate::rt);
            #[cfg(target_arch = "wasm32")]
            $crate::rt::handover_part::export_handover!(
                Plugin with_types_in $crate::rt::handover_part
            );
        };
    };
}
