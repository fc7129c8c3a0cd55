//! What a plugin exports: the interface of its world, and `handover`.

use bailiwick_core::release::World;
use wasmtime::{
    Store,
    component::{InstancePre, Linker},
};

use crate::{
    bindings::{
        Collector, CollectorPre,
        action_handler::{
            ActionHandler, ActionHandlerPre,
            exports::bailiwick::plugin::handover::Refusal as OfHandler,
        },
        exports::bailiwick::plugin::handover::Refusal,
    },
    component::Component,
    context::Context,
};

/// The exports of an instance, by its world.
pub(crate) enum Exports {
    Collector(Collector),
    ActionHandler(ActionHandler),
}

/// A component whose imports are linked and whose exports are those of its world.
pub(crate) enum Ready {
    Collector(CollectorPre<Context>),
    ActionHandler(ActionHandlerPre<Context>),
}

impl Ready {
    /// Links `component`.
    ///
    /// # Errors
    /// An import or export is missing or of another type.
    pub(crate) fn new(component: &Component, linker: &Linker<Context>) -> wasmtime::Result<Self> {
        let linked: InstancePre<Context> = linker.instantiate_pre(component.compiled())?;
        match component.world() {
            Some(World::ActionHandler) => ActionHandlerPre::new(linked).map(Self::ActionHandler),
            // What has no world at all fails here, and is told what is missing.
            _ => CollectorPre::new(linked).map(Self::Collector),
        }
    }

    pub(crate) async fn instantiate(
        &self,
        store: &mut Store<Context>,
    ) -> wasmtime::Result<Exports> {
        match self {
            Self::Collector(ready) => ready.instantiate_async(store).await.map(Exports::Collector),
            Self::ActionHandler(ready) => ready
                .instantiate_async(store)
                .await
                .map(Exports::ActionHandler),
        }
    }
}

impl Exports {
    pub(crate) const fn world(&self) -> World {
        match self {
            Self::Collector(_) => World::Collector,
            Self::ActionHandler(_) => World::ActionHandler,
        }
    }

    pub(crate) async fn save(&self, store: &mut Store<Context>) -> wasmtime::Result<Vec<u8>> {
        match self {
            Self::Collector(exports) => exports.bailiwick_plugin_handover().call_save(store).await,
            Self::ActionHandler(exports) => {
                exports.bailiwick_plugin_handover().call_save(store).await
            }
        }
    }

    pub(crate) async fn load(
        &self,
        store: &mut Store<Context>,
        from_version: &str,
        bytes: &[u8],
    ) -> wasmtime::Result<Result<(), Refusal>> {
        match self {
            Self::Collector(exports) => {
                let handover = exports.bailiwick_plugin_handover();
                handover.call_load(store, from_version, bytes).await
            }
            Self::ActionHandler(exports) => {
                let handover = exports.bailiwick_plugin_handover();
                let answer = handover.call_load(store, from_version, bytes).await?;
                Ok(answer.map_err(|refusal| match refusal {
                    OfHandler::Incompatible(text) => Refusal::Incompatible(text),
                    OfHandler::Corrupt(text) => Refusal::Corrupt(text),
                }))
            }
        }
    }
}
