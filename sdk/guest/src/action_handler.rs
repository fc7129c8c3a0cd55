//! The trait that an action handler implements, and the macro that exports it.

use crate::Refusal;
pub use crate::bindings::handle_part::exports::bailiwick::plugin::handle::{Failure, Request};

/// A plugin that does what an operator asks.
///
/// The host has checked an action before a handler hears of it: who signed it, that the
/// signer may, that it is meant for this device and never ran here. One value lives as long
/// as the instance, as with a [`crate::Collector`].
pub trait ActionHandler: Sized + 'static {
    /// What the arguments of an action may be: a JSON Schema (draft 2020-12) of one object
    /// with `title` and a `description` for each property, at most 16 KiB; the same each
    /// time.
    fn arguments_schema() -> String;

    /// A fresh one, before its first action.
    fn new() -> Self;

    /// Does what `request` asks. The result is a JSON object in the handler's own words, at
    /// most 64 KiB and at most as long as the policy's `output` limit.
    ///
    /// # Errors
    /// The arguments are not right, a grant is missing, or it did not work.
    fn handle(&mut self, request: &Request) -> Result<String, Failure>;

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

/// Exports an [`ActionHandler`] as the component's world `action-handler`. Once per plugin.
#[macro_export]
macro_rules! action_handler {
    ($handler:ty) => {
        const _: () = {
            use ::std::{cell::RefCell, string::String, vec::Vec};
            use $crate::rt::handle_part::exports::bailiwick::plugin::handle;
            use $crate::rt::handover_part::exports::bailiwick::plugin::handover;

            ::std::thread_local! {
                static INSTANCE: RefCell<Option<$handler>> = const { RefCell::new(None) };
            }

            struct Plugin;

            impl handle::Guest for Plugin {
                fn arguments_schema() -> String {
                    <$handler as $crate::ActionHandler>::arguments_schema()
                }

                fn handle(request: handle::Request) -> Result<String, handle::Failure> {
                    INSTANCE.with_borrow_mut(|instance| {
                        let instance =
                            instance.get_or_insert_with(<$handler as $crate::ActionHandler>::new);
                        $crate::ActionHandler::handle(instance, &request)
                    })
                }
            }

            impl handover::Guest for Plugin {
                fn save() -> Vec<u8> {
                    INSTANCE.with_borrow(|instance| {
                        instance
                            .as_ref()
                            .map_or_else(Vec::new, $crate::ActionHandler::save)
                    })
                }

                fn load(from_version: String, state: Vec<u8>) -> Result<(), handover::Refusal> {
                    let loaded = <$handler as $crate::ActionHandler>::load(&from_version, &state)?;
                    INSTANCE.set(Some(loaded));
                    Ok(())
                }
            }

            #[cfg(target_arch = "wasm32")]
            $crate::rt::handle_part::export_handle!(
                Plugin with_types_in $crate::rt::handle_part
            );
            #[cfg(target_arch = "wasm32")]
            $crate::rt::handover_part::export_handover!(
                Plugin with_types_in $crate::rt::handover_part
            );
        };
    };
}
