//! `system`: the port's answers in the contract's words.

use std::borrow::Cow;

use bailiwick_core::{
    policy::{Capability, Fields, Sensitive},
    ports::{self, Pseudonyms},
};

use super::{list_cost, redacted};
use crate::{
    bindings::bailiwick::plugin::system::{Description, Error, FileSystem, Host},
    context::Context,
};

impl Host for Context {
    async fn describe(&mut self) -> wasmtime::Result<Result<Description, Error>> {
        let entered = self.enter(Capability::System)?;
        let answer = match self.system.fields(self.ports.clock.now()) {
            Ok(fields) if entered.granted => {
                let described = self.ports.system.describe().await;
                let pseudonyms = &*self.ports.pseudonyms;
                described
                    .map(|described| description(described, fields, pseudonyms))
                    .map_err(|_| Error::Unavailable)
            }
            _ => Err(Error::Denied),
        };
        self.leave(&entered);
        Ok(answer)
    }

    async fn file_systems(&mut self) -> wasmtime::Result<Result<Vec<FileSystem>, Error>> {
        let entered = self.enter(Capability::System)?;
        let answer = match self.system.fields(self.ports.clock.now()) {
            Ok(fields) if entered.granted => {
                let listed = self.ports.system.file_systems().await;
                let pseudonyms = &*self.ports.pseudonyms;
                let shown = |list: Vec<_>| {
                    let list = list.into_iter();
                    list.filter_map(|one| file_system(one, fields, pseudonyms))
                        .collect::<Vec<_>>()
                };
                listed.map(shown).map_err(|_| Error::Unavailable)
            }
            _ => Err(Error::Denied),
        };
        if let Ok(list) = &answer {
            let text = |f: &FileSystem| f.mount_point.len() + f.device.len() + f.kind.len();
            self.account
                .pass(list_cost(list.len(), list.iter().map(text).sum()))?;
        }
        self.leave(&entered);
        Ok(answer)
    }
}

fn description(
    of: ports::SystemDescription,
    fields: Fields,
    pseudonyms: &dyn Pseudonyms,
) -> Description {
    let host_name = redacted(fields, Sensitive::HostName, &of.host_name, pseudonyms);
    Description {
        host_name: host_name.unwrap_or_default().into_owned(),
        family: of.family,
        architecture: of.architecture,
        kernel: of.kernel,
        boot_time: of.boot_time.as_ms(),
        boot_id: of.boot_id,
        uptime_seconds: of.uptime_seconds,
        processors: of.processors,
        memory: of.memory.get(),
        swap: of.swap.get(),
    }
}

/// None of which it is not told where it is: that is by what it is known.
fn file_system(
    of: ports::FileSystem,
    fields: Fields,
    pseudonyms: &dyn Pseudonyms,
) -> Option<FileSystem> {
    let shown = |value: &str| {
        let seen = redacted(fields, Sensitive::MountPoint, value, pseudonyms);
        seen.map(Cow::into_owned)
    };
    Some(FileSystem {
        mount_point: shown(&of.mount_point)?,
        device: shown(&of.device)?,
        kind: of.kind,
        total: of.total.get(),
        available: of.available.get(),
        read_only: of.read_only,
        removable: of.removable,
    })
}
