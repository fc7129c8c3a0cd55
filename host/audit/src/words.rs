//! What policies say, in plain words for who reads none of them.

use bailiwick_core::{
    policy::{
        Capability, Controls, Effect, Grant, Messages, Policy, Powers, Program, Recipient,
        Redaction, Requests, Risk, Scope, Seen, Sensitive, Shape, Wakes, Whose, neighbours,
    },
    time::Timestamp,
};

use crate::record::{Deeds, Used};

/// `2027-12-31`, in UTC.
pub(crate) fn day(at: Timestamp) -> String {
    let (year, month, day) = at.date();
    format!("{year:04}-{month:02}-{day:02}")
}

/// `2027-12-31 08:15 UTC`.
pub(crate) fn minute(at: Timestamp) -> String {
    let minutes = at.as_ms() / 60_000 % (24 * 60);
    format!("{} {:02}:{:02} UTC", day(at), minutes / 60, minutes % 60)
}

/// Until when a grant holds.
pub(crate) fn until(grant: &Grant) -> String {
    grant.last_day().unwrap_or_else(|| "no end".to_owned())
}

/// The approver's judgement.
pub(crate) const fn risk(risk: Risk) -> &'static str {
    match risk {
        Risk::Low => "low",
        Risk::Medium => "medium",
        Risk::High => "high",
    }
}

/// What a grant lets the plugin do: a sentence's begin, and what it means in particular.
pub(crate) fn grant(grant: &Grant) -> (&'static str, Vec<String>) {
    let of = grant.capability;
    match &grant.scope {
        Scope::Whole => (whole(of), Vec::new()),
        Scope::Files(roots) => {
            let each = |root: &bailiwick_core::policy::FileRoot| {
                let paths: Vec<_> = root.patterns.iter().map(ToString::to_string).collect();
                format!("beneath {}: {}", root.root, paths.join(", "))
            };
            let what = match of {
                Capability::Watch => "Be told when files change",
                _ => "Read files",
            };
            (what, roots.iter().map(each).collect())
        }
        Scope::Seen(seen) => (see(of, *seen, grant.effect), fields(*seen)),
        Scope::Programs(programs) => {
            let each = |program: &Program| run(program, grant.effect);
            ("Run programs", programs.iter().flat_map(each).collect())
        }
        Scope::Wakes(wakes) => ("Wake other machines", wake(wakes, grant.effect)),
        Scope::Requests(requests) => ("Send requests over HTTP", request(requests)),
        Scope::Messages(messages) => ("Show messages to users", tell(messages, grant.effect)),
        Scope::Powers(powers) => (
            "Lock, suspend, restart or switch off the device",
            power(powers, grant.effect),
        ),
        Scope::Controls(controls) => (
            "End, suspend or resume what others run",
            control(controls, grant.effect),
        ),
    }
}

const fn whole(capability: Capability) -> &'static str {
    match capability {
        Capability::Log => "Write lines to the device's log",
        Capability::Clock => "Read the clock",
        Capability::State => "Keep a little data from call to call",
        Capability::Config => "Read its settings from the policy",
        Capability::System => {
            "Read the host name, the system's version, processors, memory and file systems"
        }
        Capability::Network => "Read network links with their addresses, and the gateway",
        Capability::Files => "Read any file",
        Capability::Watch => "Be told which files change",
        Capability::Processes => "See any process",
        Capability::Sessions => "See any session",
        Capability::Exec => "Run any program",
        Capability::Wake => "Wake any machine",
        Capability::Message => "Show messages to any user",
        Capability::Power => "Lock, suspend, restart or switch off the device",
        Capability::ProcessControl => "End, suspend or resume any process",
        Capability::Http => "Send any request over HTTP",
    }
}

const fn see(capability: Capability, seen: Seen, effect: Effect) -> &'static str {
    match (capability, seen.whose, effect) {
        (Capability::System, _, Effect::Deny) => "See of the system",
        (Capability::Network, _, Effect::Deny) => "See of the network",
        (Capability::System | Capability::Network, _, Effect::Allow) => whole(capability),
        (Capability::Sessions, _, Effect::Deny) => "See of sessions",
        (_, _, Effect::Deny) => "See of processes",
        (Capability::Sessions, Whose::OwnSession, Effect::Allow) => {
            "See the session for which it runs"
        }
        (Capability::Sessions, Whose::All, Effect::Allow) => "See the sessions of everybody",
        (_, Whose::OwnSession, Effect::Allow) => {
            "See the processes of the session for which it runs"
        }
        (_, Whose::All, Effect::Allow) => "See the processes of everybody, and of the system",
    }
}

/// The fields of persons that are named.
pub(crate) fn fields(seen: Seen) -> Vec<String> {
    [
        (Sensitive::User, "names of users"),
        (
            Sensitive::CommandLine,
            "command lines, with what users typed",
        ),
        (Sensitive::Place, "seats, terminals and displays"),
        (Sensitive::Client, "clients' names and addresses"),
        (Sensitive::HostName, "the host name"),
        (Sensitive::MountPoint, "where file systems are mounted"),
        (Sensitive::Mac, "Ethernet addresses"),
        (Sensitive::Address, "addresses of the network"),
    ]
    .into_iter()
    .filter_map(|(field, words)| match seen.fields.of(field) {
        Redaction::Dropped => None,
        Redaction::Whole => Some(words.to_owned()),
        Redaction::Hashed => Some(format!("{words}: digests under a key of the device alone")),
        Redaction::Truncated(most) => Some(format!("{words}: the first {most} characters")),
    })
    .collect()
}

fn run(program: &Program, effect: Effect) -> Vec<String> {
    if effect == Effect::Deny {
        return vec![program.path.clone()];
    }
    let run_as = program.run_as.in_words();
    let each = |shape: &Shape| format!("{} {} ({run_as})", program.path, shape.in_words());
    program.arguments.iter().map(each).collect()
}

fn wake(wakes: &Wakes, effect: Effect) -> Vec<String> {
    let links = match wakes.links.as_slice() {
        [] => "on every link".to_owned(),
        links => format!("on {}", links.join(", ")),
    };
    let whom: Vec<_> = wakes.macs.iter().map(|mac| neighbours(mac)).collect();
    let rate = match effect {
        Effect::Allow => format!(", at most {} packets in a minute", wakes.per_minute),
        Effect::Deny => String::new(),
    };
    vec![format!("{} {links}{rate}", whom.join(", "))]
}

fn request(requests: &Requests) -> Vec<String> {
    let list = |items: Vec<String>, none: &str| match items.is_empty() {
        true => none.to_owned(),
        false => items.join(", "),
    };
    let methods = requests.methods.iter().map(|it| it.name().to_owned());
    let methods = list(methods.collect(), "any request");
    let paths = requests.paths.iter().map(|it| it.as_str().to_owned());
    let paths = list(paths.collect(), "/");
    let networks: Vec<_> = requests.networks.iter().map(ToString::to_string).collect();
    let at = match networks.as_slice() {
        [] => String::new(),
        networks => format!(", also where it is in {}", networks.join(", ")),
    };
    let rate = match requests.per_minute {
        0 => String::new(),
        rate => format!(", at most {rate} in a minute"),
    };
    let each = |origin| format!("{methods} to {origin} beneath {paths}{at}{rate}");
    requests.origins.iter().map(each).collect()
}

fn tell(messages: &Messages, effect: Effect) -> Vec<String> {
    let users: Vec<_> = messages.users.iter().map(Recipient::in_words).collect();
    let more = match effect {
        Effect::Allow => format!(
            ", as {}, at most {} in a minute",
            messages.from, messages.per_minute
        ),
        Effect::Deny => String::new(),
    };
    vec![format!("to {}{more}", users.join(", "))]
}

fn power(powers: &Powers, effect: Effect) -> Vec<String> {
    let verbs: Vec<_> = powers.verbs.iter().map(|verb| verb.name()).collect();
    let terms = match effect {
        Effect::Allow => format!(" {}", powers.terms()),
        Effect::Deny => String::new(),
    };
    vec![format!("{}{terms}", verbs.join(", "))]
}

fn control(controls: &Controls, effect: Effect) -> Vec<String> {
    let programs: Vec<_> = controls
        .executables
        .iter()
        .map(ToString::to_string)
        .collect();
    let programs = programs.join(", ");
    if effect == Effect::Deny {
        return vec![format!("processes of {programs}")];
    }
    let verbs: Vec<_> = controls.verbs.iter().map(|verb| verb.name()).collect();
    vec![format!(
        "{} processes of {programs}, {}, at most {} times in a minute",
        verbs.join(" and "),
        controls.whose.in_words(),
        controls.per_minute
    )]
}

/// What the plugin may use, and when it is called.
pub(crate) fn limits(policy: &Policy) -> Vec<(&'static str, String)> {
    let limits = &policy.limits;
    let percent = format!(
        "{}.{}",
        limits.cpu.per_mille / 10,
        limits.cpu.per_mille % 10
    );
    let mut lines = vec![
        ("memory", limits.memory.to_string()),
        (
            "processor",
            format!("{percent} % of a core over {}", limits.cpu.window),
        ),
        ("a call takes", format!("at most {}", limits.deadline)),
        ("a call returns", format!("at most {}", limits.output)),
        (
            "a call asks",
            format!("at most {} times", limits.host_calls),
        ),
        ("a call logs", format!("at most {} lines", limits.log_lines)),
        ("it keeps", format!("at most {}", limits.state)),
    ];
    lines.push(match policy.schedule {
        Some(interval) => ("called", format!("every {}", interval.every)),
        None => ("called", "when an operator asks".to_owned()),
    });
    lines
}

/// `1 plugin`, `2 plugins`.
pub(crate) fn counted(number: usize, one: &str) -> String {
    match number {
        1 => format!("1 {one}"),
        _ => format!("{number} {one}s"),
    }
}

/// Where, when and in which versions a plugin was seen, and what it used.
pub(crate) fn record(deeds: &Deeds) -> String {
    let versions: Vec<&str> = deeds.versions.iter().map(String::as_str).collect();
    let seen = format!(
        "{}, from {} to {}",
        counted(deeds.devices.len(), "device"),
        minute(deeds.first),
        minute(deeds.last),
    );
    match versions.as_slice() {
        [] => format!("{seen}: it did not run"),
        versions => format!(
            "{seen}, in version {}: {}",
            versions.join(", "),
            used(&deeds.used)
        ),
    }
}

fn used(used: &Used) -> String {
    if used.calls == 0 {
        return "what it used was not told".to_owned();
    }
    let capabilities = match used.capabilities {
        Some(capabilities) => format!("; it called {capabilities}"),
        None => String::new(),
    };
    format!(
        "{} calls, {} of them trapped, {} host calls, {} of them denied, {} ms of CPU, at most {} \
         KiB of memory, {} bytes out{capabilities}",
        used.calls,
        used.traps,
        used.host_calls,
        used.denials,
        used.cpu_us / 1_000,
        used.memory_high_bytes.div_ceil(1_024),
        used.out_bytes,
    )
}
