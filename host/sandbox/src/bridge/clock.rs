//! `clock`. A denied clock stops the plugin when it asks: the contract has no error there,
//! and any number would be a lie.

use bailiwick_core::policy::Capability;

use crate::{bindings::bailiwick::plugin::clock::Host, context::Context, limits::Enforcer};

impl Host for Context {
    async fn now(&mut self) -> wasmtime::Result<u64> {
        let entered = self.enter_or_trap(Capability::Clock)?;
        let now = self.ports.clock.now().as_ms();
        self.leave(&entered);
        Ok(now)
    }

    async fn monotonic(&mut self) -> wasmtime::Result<u64> {
        let entered = self.enter_or_trap(Capability::Clock)?;
        let elapsed = self.ports.clock.monotonic().since(self.started);
        self.leave(&entered);
        let ns = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
        if !self.account.enforces(Enforcer::ClockResolution) {
            return Ok(ns);
        }
        // Whole microseconds, as the contract promises and no better.
        Ok(ns / 1_000 * 1_000)
    }
}
