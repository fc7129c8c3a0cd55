//! What runs, as the last change left it: for whoever asks while the coordinator is at work,
//! which a refresh over a slow line can be for minutes.

use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use bailiwick_core::ids::PluginName;
use tokio::sync::mpsc;

use super::{actor::Order, plugin::Plugin};

/// The plugins that run.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    running: Mutex<Vec<Running>>,
    assigned: Mutex<BTreeSet<PluginName>>,
}

/// One that runs.
#[derive(Clone, Debug)]
pub(crate) struct Running {
    pub(crate) name: PluginName,
    /// How it is asked. It ends when nobody else gives it orders.
    orders: mpsc::WeakSender<Order>,
    pub(crate) on_probation: bool,
    /// Why its newest version was refused; empty if it was not.
    pub(crate) remark: String,
}

impl Running {
    /// How it is asked; `None` if it was stopped meanwhile.
    pub(crate) fn orders(&self) -> Option<mpsc::Sender<Order>> {
        self.orders.upgrade()
    }
}

impl Shown {
    /// These run now.
    pub(super) fn set<'a>(&self, plugins: impl Iterator<Item = &'a Plugin>) {
        let mut assigned = BTreeSet::new();
        let plugins = plugins.inspect(|plugin| {
            assigned.insert(plugin.rollout.plugin().clone());
        });
        let running = plugins.filter_map(|plugin| {
            Some(Running {
                name: plugin.rollout.plugin().clone(),
                orders: plugin.orders.as_ref()?.downgrade(),
                on_probation: plugin.rollout.on_probation(),
                remark: plugin.remark.clone(),
            })
        });
        *self.lock() = running.collect();
        *self.assigned.lock().unwrap_or_else(PoisonError::into_inner) = assigned;
    }

    /// In order of name.
    pub(crate) fn list(&self) -> Vec<Running> {
        self.lock().clone()
    }

    /// Whether the device has it, running or not.
    pub(crate) fn has(&self, plugin: &PluginName) -> bool {
        let assigned = self.assigned.lock();
        assigned
            .unwrap_or_else(PoisonError::into_inner)
            .contains(plugin)
    }

    /// A list is whole between two calls, whoever panicked.
    fn lock(&self) -> MutexGuard<'_, Vec<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
