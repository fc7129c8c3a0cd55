//! `watch`: what changed, as far as the grants still cover it.

use bailiwick_core::policy::{Call, Capability};

use super::list_cost;
use crate::{
    bindings::bailiwick::plugin::watch::{Changes, Error, Host},
    context::Context,
};

impl Host for Context {
    async fn changed(&mut self) -> wasmtime::Result<Result<Changes, Error>> {
        let entered = self.enter(Capability::Watch)?;
        let answer = match entered.granted {
            true => self.changes_granted().await,
            false => {
                self.refused(self.all_changes());
                Err(Error::Denied)
            }
        };
        if let Ok(changes) = &answer {
            let text = changes.paths.iter().map(String::len).sum();
            self.account.pass(list_cost(changes.paths.len(), text))?;
        }
        self.leave(&entered);
        Ok(answer)
    }
}

impl Context {
    /// The call names no path: it is told with the first folder that was granted, if any was.
    fn all_changes(&self) -> Call {
        let path = self.watch.folders().first().cloned();
        let path = path.unwrap_or_default();
        Call::Watch { path }
    }

    async fn changes_granted(&mut self) -> Result<Changes, Error> {
        // Each change is told once, and another session's instance would never hear of it.
        if self.ports.session.is_some() {
            return Err(Error::Unavailable);
        }
        let changes = self.ports.watch.changes(&self.plugin, &self.watch).await;
        let mut changes = changes.map_err(|_| Error::Unavailable)?;
        // A grant may have expired since.
        let now = self.ports.clock.now();
        changes
            .paths
            .retain(|path| self.watch.file(path, now).is_ok());
        Ok(Changes {
            paths: changes.paths,
            incomplete: changes.incomplete,
        })
    }
}
