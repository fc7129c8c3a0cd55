//! What `attack.toml` of a guest of the sandbox says.

use std::{collections::BTreeMap, fs, path::Path, time::Duration};

use bailiwick_core::{
    policy::{Grant, Policy, Scope},
    release::World,
};

use super::bounds::Bound;

/// One guest, read.
pub(super) struct Attack {
    /// The one defence that stops it; none where it is wasmtime's own.
    pub(super) without: Option<Defence>,
    /// What our host says. None: all calls end well, and the bounds hold.
    pub(super) refused: Option<String>,
    /// What the host without the defence says. None: all calls end well.
    pub(super) succeeds: Option<String>,
    /// Which bound is then broken.
    pub(super) breaks: Option<Bound>,
    pub(super) call: Call,
    pub(super) times: u32,
    pub(super) instances: u32,
    pub(super) world: World,
    /// Whether the state answers late.
    pub(super) slow_state: bool,
    /// Whether it runs for a session.
    pub(super) session: bool,
    /// Whether it is observed, as for `policy learn`.
    pub(super) observed: bool,
    pub(super) policy: Policy,
    /// The policy of a host that grants what ours does not.
    pub(super) granting: Option<Policy>,
    /// Core module or component, as text.
    pub(super) text: String,
    /// WIT of what it imports beside the contract.
    pub(super) wit: Option<String>,
}

/// A defence that tests can take away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Defence {
    Memory,
    Deadline,
    Cpu,
    Output,
    HostCalls,
    LogLines,
    State,
    /// Lines of the log are cut and made fit for terminals.
    LineShape,
    /// Keys of the state have a form.
    StateKeys,
    ClockResolution,
    /// A guest that computes lets others run.
    GivingWay,
    Paths,
    MagicPackets,
    Headers,
    CallingOff,
    Words,
    WasiHandles,
    WasiRandom,
    /// What the policy does not grant, or denies: without it, `granting.toml` is granted.
    Grants,
    /// Ports charge what other threads did for a call.
    Charging,
    /// The bound on a guest's stack.
    Stack,
    /// One share of the processor for all instances of a plugin.
    OneShare,
    /// Pauses and suspensions after failures.
    Supervision,
    /// How often a minute what goes out of the device is done.
    Rates,
    /// How long a device rests before it sleeps or starts anew once more.
    Pauses,
    /// What only handlers may have.
    Worlds,
    /// Programs run as nobody else than the user of the instance's own session.
    OwnSession,
    /// What of decisions is written, and what is counted.
    Ledger,
    /// What of a call is left out of the log.
    Redaction,
    /// How many calls are told apart of a plugin that is observed.
    ObservedCalls,
}

/// Which export is called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Call {
    #[default]
    Load,
    Save,
    Schema,
    Collect,
    /// Called off after a moment.
    Handle,
    /// As `Load`, and dropped after a moment.
    Dropped,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Text {
    /// The row of SECURITY.md.
    threat: String,
    /// What the attacker wants, in a sentence.
    about: String,
    without: Option<Defence>,
    /// The advisory or rule of a defence that is wasmtime's own.
    mended: Option<String>,
    refused: Option<String>,
    succeeds: Option<String>,
    breaks: Option<Bound>,
    #[serde(default)]
    call: Call,
    #[serde(default = "once")]
    times: u32,
    #[serde(default = "once")]
    instances: u32,
    #[serde(default)]
    world: Kind,
    #[serde(default)]
    slow_state: bool,
    #[serde(default = "yes")]
    session: bool,
    #[serde(default)]
    observed: bool,
    /// In place of those of `policy.toml`.
    #[serde(default)]
    limits: BTreeMap<String, toml::Value>,
}

#[derive(Clone, Copy, Default, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    #[default]
    Collector,
    ActionHandler,
}

const fn once() -> u32 {
    1
}

const fn yes() -> bool {
    true
}

impl Attack {
    /// Reads the guest in `name` beneath `folder`.
    pub(super) fn read(folder: &Path, name: &str) -> Self {
        let own = folder.join(name);
        let read = |file: &str| fs::read_to_string(own.join(file)).ok();
        let text = read("attack.toml").unwrap_or_else(|| panic!("{name} has no attack.toml"));
        let said: Text = toml::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        said.check(name);
        let common = fs::read_to_string(folder.join("policy.toml")).unwrap();
        let common = with_limits(&common, &said.limits);
        let policy = |grants: Option<String>| {
            let text = format!("{common}\n{}", grants.unwrap_or_default());
            let read = Policy::parse("policy.toml", &text);
            let mut policy = read.unwrap_or_else(|error| panic!("{name}: {error}"));
            policy.grants.iter_mut().for_each(warn_shortly);
            policy
        };
        let granting = read("granting.toml").map(|grants| policy(Some(grants)));
        assert_eq!(
            granting.is_some(),
            said.without == Some(Defence::Grants),
            "{name}: `granting.toml` is for a guest without `grants`"
        );
        Self {
            without: said.without,
            refused: said.refused,
            succeeds: said.succeeds,
            breaks: said.breaks,
            call: said.call,
            times: said.times,
            instances: said.instances,
            world: match said.world {
                Kind::Collector => World::Collector,
                Kind::ActionHandler => World::ActionHandler,
            },
            slow_state: said.slow_state,
            session: said.session,
            observed: said.observed,
            policy: policy(read("grants.toml")),
            granting,
            text: read("guest.wat").unwrap_or_else(|| panic!("{name} has no guest.wat")),
            wit: read("imports.wit"),
        }
    }
}

impl Text {
    fn check(&self, name: &str) {
        assert!(
            self.without.is_some() != self.mended.is_some(),
            "{name}: either `without` a defence of ours, or `mended` in wasmtime"
        );
        for words in [&self.threat, &self.about] {
            assert!(
                !words.is_empty(),
                "{name}: `threat` and `about` say what it is"
            );
        }
        assert!(
            self.without.is_none() || self.refused != self.succeeds || self.breaks.is_some(),
            "{name}: it ends alike with and without the defence"
        );
    }
}

/// Nobody reads the warnings here, and no policy may give less than five seconds for them.
fn warn_shortly(grant: &mut Grant) {
    if let Scope::Powers(powers) = &mut grant.scope {
        powers.warn_for = Duration::from_millis(30);
    }
}

/// `policy` with these limits in place of its own.
fn with_limits(policy: &str, limits: &BTreeMap<String, toml::Value>) -> String {
    let line = |line: &str| {
        let key = line.split(" = ").next().unwrap_or_default();
        limits
            .get(key)
            .map_or_else(|| line.to_owned(), |value| format!("{key} = {value}"))
    };
    policy.lines().map(|text| line(text) + "\n").collect()
}
