//! The probe in wasmtime alone: the sandbox's engine settings, and functions of the host
//! without a check, an account, a deadline or a budget.
//!
//! It has what wasmtime's documentation asks of every host with these settings that runs
//! code which it does not trust: a limiter of the store, and an epoch deadline that is set
//! before each call (without one a guest is stopped at once).

use std::sync::Arc;

use anyhow::anyhow;
use bailiwick_core::ports::Clock;
use bailiwick_sandbox::engine;
use wasmtime::{
    Engine, Store, StoreLimits, StoreLimitsBuilder,
    component::{Component, HasSelf, Linker},
};

mod bindings {
    #![allow(missing_docs, unreachable_pub, reason = "generated from the contract")]

    wasmtime::component::bindgen!({
        world: "collector",
        path: "../../wit",
        imports: { default: async | trappable },
        exports: { default: async },
    });
}

use bindings::bailiwick::plugin::clock;

const PROBE: &str = include_str!("../../../host/sandbox/probe/limits.wat");

/// Bytes of each memory.
const MEMORY: usize = 4 * 1024 * 1024;

/// The data of the bare store: the sandbox's own clock, and wasmtime's own limits.
pub(crate) struct Unchecked {
    clock: Arc<dyn Clock>,
    limits: StoreLimits,
}

impl clock::Host for Unchecked {
    async fn now(&mut self) -> wasmtime::Result<u64> {
        Ok(self.clock.now().as_ms())
    }

    async fn monotonic(&mut self) -> wasmtime::Result<u64> {
        Ok(self.clock.monotonic().as_ns())
    }
}

pub(crate) struct Bare {
    store: Store<Unchecked>,
    exports: bindings::Collector,
}

impl Bare {
    pub(crate) async fn start(clock: &Arc<dyn Clock>) -> anyhow::Result<Self> {
        Self::try_start(clock).await.map_err(in_words)
    }

    async fn try_start(clock: &Arc<dyn Clock>) -> wasmtime::Result<Self> {
        let engine = Engine::new(&engine::config())?;
        let component = Component::new(&engine, PROBE)?;
        let mut linker = Linker::new(&engine);
        // What else the probe imports is never called here.
        linker.define_unknown_imports_as_traps(&component)?;
        linker.allow_shadowing(true);
        clock::add_to_linker::<_, HasSelf<Unchecked>>(&mut linker, |data| data)?;
        let data = Unchecked {
            clock: Arc::clone(clock),
            limits: StoreLimitsBuilder::new().memory_size(MEMORY).build(),
        };
        let mut store = Store::new(&engine, data);
        store.limiter(|data| &mut data.limits);
        store.set_epoch_deadline(1);
        let exports =
            bindings::Collector::instantiate_async(&mut store, &component, &linker).await?;
        Ok(Self { store, exports })
    }

    /// Calls the export that does nothing.
    pub(crate) async fn save(&mut self) -> anyhow::Result<Vec<u8>> {
        self.store.set_epoch_deadline(1);
        let handover = self.exports.bailiwick_plugin_handover();
        handover.call_save(&mut self.store).await.map_err(in_words)
    }

    /// Orders the probe to do something.
    pub(crate) async fn load(&mut self, order: &[u8]) -> anyhow::Result<()> {
        self.store.set_epoch_deadline(1);
        let handover = self.exports.bailiwick_plugin_handover();
        handover
            .call_load(&mut self.store, "", order)
            .await
            .map_err(in_words)?
            .map_err(|refusal| anyhow!("the probe refused: {refusal:?}"))
    }
}

fn in_words(error: wasmtime::Error) -> anyhow::Error {
    anyhow!("{error:#}")
}
