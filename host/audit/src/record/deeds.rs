//! What one plugin did, on all devices whose logs were read.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_core::{ids::DeviceId, policy::CapabilitySet, time::Timestamp};
use serde::Deserialize;
use serde_json::Value;

use super::LogEntry;

/// Most different denials, and most different effects, that are told of a plugin; the rest is
/// a number. A plugin chooses what it asks for.
pub const MOST_DEEDS: usize = 500;

/// What a plugin did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deeds {
    /// On which devices.
    pub devices: BTreeSet<DeviceId>,
    /// In which versions it ran.
    pub versions: BTreeSet<String>,
    /// From when on something is told of it, by the devices' clocks.
    pub first: Timestamp,
    /// Until when.
    pub last: Timestamp,
    /// Versions that devices did not take, each with why.
    pub turned_down: Vec<Deed>,
    /// What it was refused.
    pub denials: Vec<Deed>,
    /// What it did that changes something outside of it.
    pub effects: Vec<Deed>,
    /// Denials that are told by their number alone.
    pub more_denials: u64,
    /// Effects that are.
    pub more_effects: u64,
    /// What it used, as far as that was told.
    pub used: Used,
    /// The last figures of each generation on the device that is being read.
    under_way: BTreeMap<(u64, u64), Used>,
}

/// Something that happened, and how often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deed {
    /// What was asked for, in the words of `policy explain`; or the version that was not taken.
    pub call: String,
    /// Why it was refused, or what came of it.
    pub outcome: String,
    /// Where the grants stand that allow it, and who approved them; empty for a denial.
    pub allowed_by: Vec<String>,
    /// How often.
    pub count: u64,
    /// On how many devices.
    pub devices: BTreeSet<DeviceId>,
    /// When last.
    pub last: Timestamp,
}

/// What a plugin used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Used {
    /// Calls of its exports.
    pub calls: u64,
    /// Those that a trap ended.
    pub traps: u64,
    /// Host calls.
    pub host_calls: u64,
    /// Those that were denied.
    pub denials: u64,
    /// CPU time, in microseconds.
    pub cpu_us: u64,
    /// Most memory of one instance, in bytes.
    pub memory_high_bytes: u64,
    /// Bytes that its exports returned.
    pub out_bytes: u64,
    /// Which capabilities it called; none where a device on which it ran did not tell.
    pub capabilities: Option<CapabilitySet>,
}

impl Used {
    fn and(self, other: Self) -> Self {
        let sum = u64::saturating_add;
        Self {
            calls: sum(self.calls, other.calls),
            traps: sum(self.traps, other.traps),
            host_calls: sum(self.host_calls, other.host_calls),
            denials: sum(self.denials, other.denials),
            cpu_us: sum(self.cpu_us, other.cpu_us),
            memory_high_bytes: self.memory_high_bytes.max(other.memory_high_bytes),
            out_bytes: sum(self.out_bytes, other.out_bytes),
            capabilities: match (self.capabilities, other.capabilities) {
                (Some(mine), Some(others)) => Some(mine.and(others)),
                (mine, None) if other.calls == 0 => mine,
                (None, others) if self.calls == 0 => others,
                // Some calls were made of which it is not known.
                _ => None,
            },
        }
    }
}

/// Takes what `entry` says of a plugin.
pub(super) fn take(plugins: &mut BTreeMap<String, Deeds>, device: DeviceId, entry: &LogEntry) {
    let text = |name| entry.event.get(name).and_then(Value::as_str);
    let (Some(kind), Some(plugin)) = (text("event"), text("plugin")) else {
        return;
    };
    let deeds = plugins.entry(plugin.to_owned());
    let deeds = deeds.or_insert_with(|| Deeds::since(entry.at));
    deeds.first = deeds.first.min(entry.at);
    deeds.last = deeds.last.max(entry.at);
    deeds.devices.insert(device);
    // A version that was pulled, granted something or refused need not have run.
    let ran = match kind {
        "plugin-started" | "plugin-status" | "kept" | "narrowed" | "denied" | "effect" => {
            text("version")
        }
        "swapped" | "went-back" => text("to"),
        _ => None,
    };
    deeds.versions.extend(ran.map(str::to_owned));
    let decided = ("call", "outcome");
    match kind {
        "denied" => deeds.more_denials += add(&mut deeds.denials, decided, device, entry),
        "effect" => deeds.more_effects += add(&mut deeds.effects, decided, device, entry),
        // Of more versions than there is room for the rest is not told.
        "refused" => {
            add(&mut deeds.turned_down, ("version", "reason"), device, entry);
        }
        "decisions-counted" => {
            let number = |name| entry.event.get(name).and_then(Value::as_u64).unwrap_or(0);
            deeds.more_denials += number("denials");
            deeds.more_effects += number("effects");
        }
        "plugin-status" => deeds.status(&entry.event),
        // The rest tells of the device's own work.
        _ => {}
    }
}

/// Adds a deed to those that are alike; answers how many there was no room for.
fn add(
    deeds: &mut Vec<Deed>,
    (call, outcome): (&str, &str),
    device: DeviceId,
    entry: &LogEntry,
) -> u64 {
    let text = |name| {
        entry
            .event
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let count = entry
        .event
        .get("count")
        .and_then(Value::as_u64)
        .unwrap_or(1);
    let (call, outcome) = (text(call), text(outcome));
    let allowed_by = entry.event.get("allowed-by").and_then(Value::as_array);
    let allowed_by: Vec<&str> = allowed_by
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    // Another policy has other grants: who allowed what is told of each.
    let like = |deed: &&mut Deed| {
        deed.call == call && deed.outcome == outcome && deed.allowed_by == allowed_by
    };
    if let Some(deed) = deeds.iter_mut().find(like) {
        deed.count = deed.count.saturating_add(count);
        deed.devices.insert(device);
        deed.last = deed.last.max(entry.at);
        return 0;
    }
    if deeds.len() >= MOST_DEEDS {
        return count;
    }
    deeds.push(Deed {
        call: call.to_owned(),
        outcome: outcome.to_owned(),
        allowed_by: allowed_by.into_iter().map(str::to_owned).collect(),
        count,
        devices: BTreeSet::from([device]),
        last: entry.at,
    });
    0
}

impl Deeds {
    /// Nothing yet.
    fn since(first: Timestamp) -> Self {
        Self {
            devices: BTreeSet::new(),
            versions: BTreeSet::new(),
            turned_down: Vec::new(),
            first,
            last: first,
            denials: Vec::new(),
            effects: Vec::new(),
            more_denials: 0,
            more_effects: 0,
            used: Used::default(),
            under_way: BTreeMap::new(),
        }
    }

    /// Figures grow as long as a generation runs, so the last ones of each count.
    fn status(&mut self, event: &Value) {
        let number = |name| event.get(name).and_then(Value::as_u64).unwrap_or(0);
        let figures = event.get("figures").cloned().unwrap_or_default();
        if let Ok(used) = serde_json::from_value(figures) {
            let generation = (number("generation"), number("since"));
            self.under_way.insert(generation, used);
        }
    }

    /// The log of a device was read: its figures are added, and what happened most comes first.
    pub(super) fn settle(&mut self) {
        for used in std::mem::take(&mut self.under_way).into_values() {
            self.used = self.used.and(used);
        }
        let order = |a: &Deed, b: &Deed| b.count.cmp(&a.count).then_with(|| a.call.cmp(&b.call));
        self.denials.sort_by(order);
        self.effects.sort_by(order);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(events: &[(u8, Value)]) -> Deeds {
        let mut plugins = BTreeMap::new();
        for (device, event) in events {
            let entry = LogEntry {
                number: 0,
                at: Timestamp::from_ms(7),
                event: event.clone(),
            };
            take(&mut plugins, DeviceId::from_bytes([*device; 16]), &entry);
        }
        let mut deeds = plugins.remove("p").unwrap();
        deeds.settle();
        deeds
    }

    #[test]
    fn alike_is_counted_and_figures_of_each_generation_count_once() {
        let denied = |call: &str, count: u64| {
            json!({ "event": "denied", "plugin": "p", "version": "1.0.0", "call": call,
                "outcome": "no grant covers it", "count": count })
        };
        let status = |generation: u64, calls: u64, memory: u64, capabilities: Value| {
            json!({ "event": "plugin-status", "plugin": "p", "version": "1.0.0",
                "generation": generation, "since": 5, "figures": { "calls": calls,
                "memory-high-bytes": memory, "capabilities": capabilities, "later": 1 } })
        };
        let deeds = told(&[
            (1, denied("files /b", 1)),
            (1, denied("files /a", 4)),
            (2, denied("files /b", 8)),
            (1, status(1, 10, 7, json!(["log"]))),
            (1, status(1, 30, 9, json!(["log", "files"]))),
            (1, status(2, 5, 3, json!(["clock"]))),
            (
                1,
                json!({ "event": "decisions-counted", "plugin": "p", "denials": 6, "effects": 0 }),
            ),
            (1, json!({ "event": "started" })),
        ]);
        let counts: Vec<_> = deeds
            .denials
            .iter()
            .map(|deed| (&*deed.call, deed.count))
            .collect();
        assert_eq!(counts, [("files /b", 9), ("files /a", 4)]);
        assert_eq!(deeds.denials[0].devices.len(), 2);
        assert_eq!(deeds.more_denials, 6);
        assert_eq!((deeds.used.calls, deeds.used.memory_high_bytes), (35, 9));
        let used = deeds.used.capabilities.unwrap();
        assert_eq!(used.to_string(), "log, clock, files");
    }

    #[test]
    fn one_deed_that_two_grants_allowed_is_told_with_each() {
        let effect = |by: &str| {
            let event = json!({ "event": "effect", "plugin": "p", "call": "wake eth0",
                "outcome": "done", "allowed-by": [by], "count": 1 });
            (1, event)
        };
        let deeds = told(&[effect("line 3"), effect("line 9"), effect("line 9")]);
        let told: Vec<_> = deeds.effects.iter().map(|deed| deed.count).collect();
        assert_eq!(told, [2, 1]);
        assert_eq!(deeds.effects[0].allowed_by, ["line 9"]);
        assert_eq!(deeds.effects[1].allowed_by, ["line 3"]);
    }

    #[test]
    fn what_is_not_known_of_one_device_is_not_known() {
        let status = |device: u8, figures: Value| {
            let event = json!({ "event": "plugin-status", "plugin": "p", "generation": 1,
                "since": u64::from(device), "figures": figures });
            (device, event)
        };
        let tells = status(1, json!({ "calls": 5, "capabilities": ["log"] }));
        let rests = status(2, json!({ "calls": 0 }));
        let silent = status(3, json!({ "calls": 5 }));
        let known = told(&[tells.clone(), rests.clone()]).used.capabilities;
        assert_eq!(known.unwrap().to_string(), "log");
        assert_eq!(told(&[tells, rests, silent]).used.capabilities, None);
    }

    #[test]
    fn what_a_plugin_chooses_is_bounded() {
        let denied = |n: usize| {
            (
                1,
                json!({ "event": "denied", "plugin": "p", "call": format!("files /{n}"), "count": 2 }),
            )
        };
        let events: Vec<_> = (0..MOST_DEEDS + 5).map(denied).collect();
        let deeds = told(&events);
        assert_eq!((deeds.denials.len(), deeds.more_denials), (MOST_DEEDS, 10));
    }

    #[test]
    fn a_version_that_devices_refused_did_not_run() {
        let refused = json!({ "event": "refused", "plugin": "p", "version": "2.0.0",
            "reason": "it asks for more than is approved" });
        let pulled = json!({ "event": "pulled", "plugin": "p", "version": "2.0.0" });
        let deeds = told(&[
            (1, pulled.clone()),
            (1, refused.clone()),
            (2, refused.clone()),
        ]);
        assert!(deeds.versions.is_empty());
        let of: Vec<_> = deeds.turned_down.iter().collect();
        assert_eq!(of.len(), 1);
        assert_eq!(
            (&*of[0].call, of[0].count, of[0].devices.len()),
            ("2.0.0", 2, 2)
        );
        let swapped = json!({ "event": "swapped", "plugin": "p", "from": "1.0.0", "to": "2.0.0" });
        let deeds = told(&[(1, refused), (1, swapped)]);
        assert_eq!(Vec::from_iter(deeds.versions), ["2.0.0"]);
    }
}
