//! What a store holds for its guest: ports, grants, accounts.

use std::{collections::BTreeMap, sync::Arc};

use bailiwick_core::{
    ids::PluginName,
    policy::{self, Access, Call, Capability, Files, Policy},
    ports,
    session::SessionId,
    time::{Monotonic, Timestamp},
};

use crate::{
    action::Action,
    bridge::{log::Lines, state::Store, wasi::Wasi},
    limits::{Account, Enforced, timing::Timing},
    trap::Trap,
    usage::Usage,
};

/// What the bridges need from the outside.
#[derive(Clone)]
#[expect(missing_docs, reason = "each but one is the port of that name")]
pub struct Ports {
    pub clock: Arc<dyn ports::Clock>,
    pub log: Arc<dyn ports::Log>,
    pub state: Arc<dyn ports::State>,
    pub files: Arc<dyn ports::Files>,
    pub system: Arc<dyn ports::System>,
    pub links: Arc<dyn ports::Links>,
    pub processes: Arc<dyn ports::Processes>,
    pub sessions: Arc<dyn ports::OpenSessions>,
    pub pseudonyms: Arc<dyn ports::Pseudonyms>,
    pub exec: Arc<dyn ports::Exec>,
    pub wake: Arc<dyn ports::Wake>,
    pub process_control: Arc<dyn ports::ProcessControl>,
    pub message: Arc<dyn ports::Message>,
    pub power: Arc<dyn ports::Power>,
    pub http: Arc<dyn ports::Http>,
    pub watch: Arc<dyn ports::Watch>,
    pub decisions: Arc<dyn ports::Decisions>,
    /// For which session an instance runs; none for one that runs for the device.
    pub session: Option<SessionId>,
}

impl Ports {
    /// Ports that read the device as these do, and leave nothing behind on it: for trials of
    /// plugins. Whoever needs one that does more puts it in the place of the other.
    pub fn reading(
        clock: Arc<dyn ports::Clock>,
        files: Arc<dyn ports::Files>,
        system: Arc<dyn ports::System>,
        links: Arc<dyn ports::Links>,
        processes: Arc<dyn ports::Processes>,
    ) -> Self {
        Self {
            clock,
            log: Arc::new(ports::NoLog),
            state: Arc::new(ports::NoState),
            files,
            system,
            links,
            processes,
            sessions: Arc::new(ports::NoSessions),
            pseudonyms: Arc::new(ports::Unkeyed),
            exec: Arc::new(ports::NoExec),
            wake: Arc::new(ports::NoWake),
            process_control: Arc::new(ports::NoProcessControl),
            message: Arc::new(ports::NoMessage),
            power: Arc::new(ports::NoPower),
            http: Arc::new(ports::NoHttp),
            watch: Arc::new(ports::NoWatch),
            decisions: Arc::new(ports::NotWrittenDown),
            session: None,
        }
    }
}

impl std::fmt::Debug for Ports {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ports").finish_non_exhaustive()
    }
}

/// What each instance is accounted with, in bytes at most. No agent is without it, so the benchmark
/// `accounting` can't measure it, and adds it.
const ACCOUNTED: usize = 768;

const _: () = assert!(
    size_of::<Account>() + size_of::<Timing>() + size_of::<Lines>() + size_of::<Usage>()
        <= ACCOUNTED
);

/// How long a linked capability answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Until {
    Always,
    Expiry(Timestamp),
    Never,
}

/// A host call that is being answered, see [`Context::enter`].
pub(crate) struct Entered {
    began: Monotonic,
    /// Whether the capability's grant is in force.
    pub(crate) granted: bool,
}

/// The data of a guest's store.
pub(crate) struct Context {
    pub(crate) plugin: PluginName,
    pub(crate) ports: Ports,
    pub(crate) config: BTreeMap<String, String>,
    pub(crate) files: Arc<Files>,
    pub(crate) processes: policy::Processes,
    pub(crate) sessions: policy::Sessions,
    pub(crate) system: policy::Facts,
    pub(crate) network: policy::Facts,
    pub(crate) exec: policy::Exec,
    pub(crate) wake: policy::Wake,
    pub(crate) process_control: Arc<policy::ProcessControl>,
    pub(crate) message: policy::Message,
    pub(crate) power: policy::Power,
    pub(crate) http: policy::Http,
    pub(crate) watch: Arc<Files>,
    pub(crate) state: Store,
    pub(crate) account: Account,
    pub(crate) timing: Arc<Timing>,
    pub(crate) lines: Arc<Lines>,
    pub(crate) wasi: Wasi,
    /// What a handler is at.
    pub(crate) action: Option<Action>,
    /// Whether reads that are allowed are told, too.
    pub(crate) observed: bool,
    /// Of the clock, when the instance was made.
    pub(crate) started: Monotonic,
    grants: [Until; Capability::ALL.len()],
}

impl Context {
    pub(crate) fn new(
        policy: &Policy,
        plugin: &PluginName,
        ports: Ports,
        now: Timestamp,
        enforced: Enforced,
    ) -> Self {
        let limits = &policy.limits;
        let lines = Arc::new(Lines::new(
            plugin.clone(),
            Arc::clone(&ports.log),
            limits.log_lines,
            enforced,
        ));
        Self {
            plugin: plugin.clone(),
            config: policy.config.clone(),
            files: Arc::new(policy.files()),
            processes: policy.processes(),
            sessions: policy.sessions(),
            system: policy.facts(Capability::System),
            network: policy.facts(Capability::Network),
            exec: policy.exec(),
            wake: policy.wake(),
            process_control: Arc::new(policy.process_control()),
            message: policy.message(),
            power: policy.power(),
            http: policy.http(),
            watch: Arc::new(policy.watch()),
            state: Store::new(limits.state, enforced),
            account: Account::new(*limits, enforced),
            timing: Arc::new(Timing::new(Arc::clone(&ports.clock), limits, enforced)),
            wasi: Wasi::new(&ports.clock, &lines),
            lines,
            action: None,
            observed: ports.decisions.observes(),
            started: ports.clock.monotonic(),
            grants: Capability::ALL.map(|capability| until(policy, capability, now)),
            ports,
        }
    }

    /// A host call begins: counts it and looks whether its grant is in force. Every
    /// function of every bridge begins with this and ends with [`Self::leave`].
    pub(crate) fn enter(&mut self, capability: Capability) -> wasmtime::Result<Entered> {
        let began = self.timing.now();
        self.account.host_call()?;
        self.account.capabilities.insert(capability);
        let granted = match self.grants[capability as usize] {
            Until::Always => true,
            Until::Expiry(at) => self.ports.clock.now() < at,
            Until::Never => false,
        };
        if !granted {
            self.account.denials += 1;
            // What has parts is told with them.
            if !capability.has_parts() {
                self.refused(Call::Whole(capability));
            }
        } else if self.observed && !capability.has_parts() {
            self.was_read(Call::Whole(capability));
        }
        Ok(Entered { began, granted })
    }

    /// A host call ends.
    pub(crate) fn leave(&mut self, entered: &Entered) {
        let elapsed = self.timing.now().since(entered.began);
        let ns = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
        self.account.host_ns = self.account.host_ns.saturating_add(ns);
    }

    /// As [`Self::enter`], for a capability that has no error that could say `denied`.
    pub(crate) fn enter_or_trap(&mut self, capability: Capability) -> wasmtime::Result<Entered> {
        let entered = self.enter(capability)?;
        if !entered.granted {
            return Err(Trap::Denied(capability).into());
        }
        Ok(entered)
    }
}

fn until(policy: &Policy, capability: Capability, now: Timestamp) -> Until {
    match policy.access(capability, now) {
        // Absent is not linked at all; nothing answers.
        Access::Absent | Access::Denied(_) => Until::Never,
        Access::Linked => match policy.linked_until(capability) {
            Some(at) => Until::Expiry(at),
            None => Until::Always,
        },
    }
}
