//! `config`. Denied, no key is set: that is what the policy then says.

use bailiwick_core::policy::Capability;

use crate::{bindings::bailiwick::plugin::config::Host, context::Context};

impl Host for Context {
    async fn get(&mut self, key: String) -> wasmtime::Result<Option<String>> {
        let entered = self.enter(Capability::Config)?;
        let value = match self.config.get(&key) {
            Some(value) if entered.granted => Some(value.clone()),
            Some(_) | None => None,
        };
        if let Some(value) = &value {
            self.account.pass(value.len() as u64)?;
        }
        self.leave(&entered);
        Ok(value)
    }
}
