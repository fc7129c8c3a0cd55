//! `system`: the port's answers in the contract's words.

use bailiwick_core::{policy::Capability, ports};

use super::list_cost;
use crate::{
    bindings::bailiwick::plugin::system::{Description, Error, FileSystem, Host},
    context::Context,
};

impl Host for Context {
    async fn describe(&mut self) -> wasmtime::Result<Result<Description, Error>> {
        let entered = self.enter(Capability::System)?;
        let answer = if entered.granted {
            let described = self.ports.system.describe().await;
            described.map(description).map_err(|_| Error::Unavailable)
        } else {
            Err(Error::Denied)
        };
        self.leave(&entered);
        Ok(answer)
    }

    async fn file_systems(&mut self) -> wasmtime::Result<Result<Vec<FileSystem>, Error>> {
        let entered = self.enter(Capability::System)?;
        let answer = if entered.granted {
            let listed = self.ports.system.file_systems().await;
            listed.map_err(|_| Error::Unavailable)
        } else {
            Err(Error::Denied)
        };
        if let Ok(list) = &answer {
            let text = |f: &ports::FileSystem| f.mount_point.len() + f.device.len() + f.kind.len();
            self.account
                .pass(list_cost(list.len(), list.iter().map(text).sum()))?;
        }
        self.leave(&entered);
        Ok(answer.map(|list| list.into_iter().map(file_system).collect()))
    }
}

fn description(of: ports::SystemDescription) -> Description {
    Description {
        host_name: of.host_name,
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

fn file_system(of: ports::FileSystem) -> FileSystem {
    FileSystem {
        mount_point: of.mount_point,
        device: of.device,
        kind: of.kind,
        total: of.total.get(),
        available: of.available.get(),
        read_only: of.read_only,
        removable: of.removable,
    }
}
