//! Parts of grants in words, for people.

use super::{
    Capability, ControlledOf, Controls, Effect, Fields, FileRoot, Form, Grant, Messages, Powers,
    Presence, Program, Recipient, Redaction, Requests, RunAs, Scope, Seen, Sensitive, Shape, Wakes,
    Whose,
};
use crate::{
    http::{Method, Network, Origin, PathPrefix},
    time::{Span, Timestamp},
};

/// An Ethernet address, or how one begins; nothing is every one.
pub(super) fn mac(bytes: &[u8]) -> String {
    let bytes: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    bytes.join(":")
}

/// The last day on which something holds that expires at `at`.
pub fn last_day(at: Timestamp) -> String {
    day(at.last_before())
}

/// The day of a moment, in UTC.
pub(super) fn day(at: Timestamp) -> String {
    let (year, month, day) = at.date();
    format!("{year:04}-{month:02}-{day:02}")
}

/// All that a capability gives.
pub(super) const fn whole(capability: Capability) -> &'static str {
    match capability {
        Capability::Log => "write lines to the agent's log",
        Capability::Clock => "read the clock",
        Capability::State => "keep a state of its own",
        Capability::Config => "read its settings",
        Capability::System => "see host name, kernel, processors, memory and mounted file systems",
        Capability::Files => "read any file",
        Capability::Watch => "be told of changes of any file",
        Capability::Network => "see links, their addresses and the default gateway",
        Capability::Processes => "see any process",
        Capability::Sessions => "see any session",
        Capability::Exec => "run any program",
        Capability::Wake => "wake any neighbour",
        Capability::ProcessControl => "control any process",
        Capability::Http => "send any request",
        Capability::Message => "show messages to any user",
        Capability::Power => "lock, suspend, restart and switch off the device",
    }
}

impl FileRoot {
    /// The path that a pattern beneath it means, with its stars.
    pub(super) fn absolute(&self, pattern: &str) -> String {
        format!("{}/{pattern}", self.root.trim_end_matches('/'))
    }
}

impl Shape {
    /// With which arguments: ``with `-h`, what matches `[a-z]{1,8}` ``.
    pub fn in_words(&self) -> String {
        if self.0.is_empty() {
            return "without arguments".to_owned();
        }
        let items = self.0.iter().map(|item| {
            let one = match &item.is {
                Form::Literal(text) => format!("`{text}`"),
                Form::OneOf(texts) => format!("one of `{}`", texts.join("`, `")),
                Form::Matches(pattern) => format!("what matches `{pattern}`"),
            };
            match item.at_most {
                1 => one,
                most => format!("{one} up to {most} times"),
            }
        });
        format!("with {}", items.collect::<Vec<_>>().join(", "))
    }
}

impl RunAs {
    /// `as nobody`.
    pub fn in_words(&self) -> String {
        match self {
            Self::User(name) => format!("as {name}"),
            Self::Session => "as the user of a session".to_owned(),
            Self::Root => "as root".to_owned(),
        }
    }
}

/// `user`, `user hashed`.
fn in_words((field, redaction): (Sensitive, Redaction)) -> String {
    match redaction {
        Redaction::Whole => field.name().to_owned(),
        redaction => format!("{} {redaction}", field.name()),
    }
}

impl Seen {
    /// `see processes of its own session, with user`.
    fn in_words(&self, capability: Capability, effect: Effect) -> String {
        let whose = match (capability, self.whose) {
            (Capability::System | Capability::Network, _) => format!("the {capability}"),
            (Capability::Sessions, Whose::OwnSession) => "its own session".to_owned(),
            (Capability::Sessions, Whose::All) => "every session".to_owned(),
            (_, Whose::OwnSession) => format!("{capability} of its own session"),
            (_, Whose::All) => format!("{capability} of every session and of the system"),
        };
        let fields: Vec<_> = self.fields.seen().map(in_words).collect();
        match (fields.as_slice(), effect) {
            ([], _) => format!("see {whose}"),
            (fields, Effect::Allow) => format!("see {whose}, with {}", fields.join(" and ")),
            (fields, Effect::Deny) => format!("see {} of {capability}", fields.join(" or ")),
        }
    }
}

impl Grant {
    /// The fields of persons and of the device that it gives, and how: `user hashed and
    /// command-line`. None if it gives none.
    pub fn of_persons(&self) -> Option<String> {
        let fields = match (&self.scope, self.effect) {
            (Scope::Seen(seen), Effect::Allow) => seen.fields,
            (Scope::Whole, Effect::Allow) => Fields::all(self.capability),
            _ => return None,
        };
        Some(fields.in_words()).filter(|words| !words.is_empty())
    }
}

impl Fields {
    /// `user hashed and command-line`; empty if it is none of them.
    pub fn in_words(self) -> String {
        let fields: Vec<_> = self.seen().map(in_words).collect();
        fields.join(" and ")
    }
}

impl Wakes {
    fn in_words(&self, effect: Effect) -> Vec<String> {
        let links = match (self.links.as_slice(), effect) {
            ([], Effect::Allow) => "every link that is no virtual one".to_owned(),
            ([], Effect::Deny) => "every link".to_owned(),
            (links, _) => links.join(", "),
        };
        let rate = match effect {
            Effect::Allow => format!(", {} times a minute", self.per_minute),
            Effect::Deny => String::new(),
        };
        let each = |bytes: &Vec<u8>| format!("wake {} on {links}{rate}", neighbours(bytes));
        self.macs.iter().map(each).collect()
    }
}

impl Controls {
    /// One text for each program.
    fn in_words(&self, effect: Effect) -> Vec<String> {
        let verbs: Vec<_> = self.verbs.iter().map(|verb| verb.name()).collect();
        let each = |program: &super::AbsolutePattern| match effect {
            Effect::Allow => format!(
                "{} processes of {program}, {}, {} times a minute",
                verbs.join(" and "),
                self.whose.in_words(),
                self.per_minute
            ),
            Effect::Deny => format!("control processes of {program}"),
        };
        self.executables.iter().map(each).collect()
    }
}

impl ControlledOf {
    /// Goes on after "processes".
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::NamedSession => "of the session that a call names",
            Self::AnySession => "of any user's session",
            Self::AnyUser => "of any user but root, services as well",
            Self::AnyUserAndRoot => "of any user and of root",
        }
    }
}

impl Requests {
    /// One text for each server and path.
    fn in_words(&self, effect: Effect) -> Vec<String> {
        let names = |methods: &[Method]| {
            let names: Vec<_> = methods.iter().map(|method| method.name()).collect();
            names.join(" and ")
        };
        let methods = match self.methods.as_slice() {
            [] => "any request".to_owned(),
            methods => names(methods),
        };
        let more = match (self.networks.as_slice(), effect) {
            (_, Effect::Deny) => String::new(),
            ([], Effect::Allow) => format!(", {} times a minute", self.per_minute),
            (networks, Effect::Allow) => {
                let at = reached(networks);
                format!(", at {at} as well, {} times a minute", self.per_minute)
            }
        };
        let paths: Vec<_> = match self.paths.as_slice() {
            [] => vec![None],
            paths => paths.iter().map(Some).collect(),
        };
        let origins = self.origins.iter();
        let each = |origin| {
            let (methods, more) = (&methods, &more);
            let paths = paths.iter();
            paths.map(move |path| format!("send {methods} to {}{more}", place(origin, *path)))
        };
        origins.flat_map(each).collect()
    }
}

/// A request, or every one of it that is not named.
pub(super) fn asked(origin: &Origin, method: Option<Method>, path: Option<&PathPrefix>) -> String {
    let method = method.map_or("any request", Method::name);
    format!("send {method} to {}", place(origin, path))
}

/// `https://a.example at /v1 and beneath`.
fn place(origin: &Origin, path: Option<&PathPrefix>) -> String {
    match path.map(PathPrefix::as_str) {
        None | Some("/") => origin.to_string(),
        Some(path) if path.ends_with('/') => format!("{origin} beneath {path}"),
        Some(path) => format!("{origin} at {path} and beneath"),
    }
}

/// `10.0.0.0/8, fd00::/8`.
pub(super) fn reached(networks: &[Network]) -> String {
    let networks: Vec<_> = networks.iter().map(ToString::to_string).collect();
    networks.join(", ")
}

impl Messages {
    /// One text for each recipient.
    fn in_words(&self, effect: Effect) -> Vec<String> {
        let more = match effect {
            Effect::Allow => format!(" as {}, {} times a minute", self.from, self.per_minute),
            Effect::Deny => String::new(),
        };
        let each = |user: &Recipient| format!("show messages to {}{more}", user.in_words());
        self.users.iter().map(each).collect()
    }
}

impl Recipient {
    /// Goes on after "to".
    pub fn in_words(&self) -> &str {
        match self {
            Self::AnyButRoot => "any user but root",
            Self::Named(name) => name,
        }
    }
}

impl Powers {
    /// One text for each verb.
    fn in_words(&self, effect: Effect) -> Vec<String> {
        let terms = self.terms();
        let each = |verb: &super::PowerVerb| match (effect, verb.interrupts()) {
            (Effect::Deny, _) => format!("{} the device", verb.name()),
            (Effect::Allow, true) => format!("{} the device {terms}", verb.name()),
            (Effect::Allow, false) => format!(
                "{} the device, every {}",
                verb.name(),
                Span::new(self.pause)
            ),
        };
        self.verbs.iter().map(each).collect()
    }

    /// `while nobody has a session, after a warning of 1 min, every 1 h`.
    pub fn terms(&self) -> String {
        let users = match self.when_users {
            Presence::Nobody => "while nobody has a session",
            Presence::Away => "while users are away",
            Presence::Present => "whoever is there",
        };
        let (warn_for, pause) = (Span::new(self.warn_for), Span::new(self.pause));
        format!("{users}, after a warning of {warn_for}, every {pause}")
    }
}

/// Whom the beginning of Ethernet addresses means: nothing is everybody.
pub fn neighbours(prefix: &[u8]) -> String {
    match prefix.len() {
        0 => "every neighbour".to_owned(),
        6 => mac(prefix),
        _ => format!("each neighbour whose address begins with {}", mac(prefix)),
    }
}

impl Program {
    /// One text for each list of arguments.
    fn in_words(&self, effect: Effect) -> Vec<String> {
        let each = |shape: &Shape| {
            let Self { path, run_as, .. } = self;
            format!("run {path} {} {}", shape.in_words(), run_as.in_words())
        };
        match effect {
            Effect::Deny => vec![format!("run {}", self.path)],
            Effect::Allow => self.arguments.iter().map(each).collect(),
        }
    }
}

impl Program {
    /// As whom, where and for how long it runs.
    pub fn in_short(&self) -> String {
        format!(
            "{} in {}, for {} at most",
            self.run_as.in_words(),
            self.directory,
            Span::new(self.time_limit)
        )
    }
}

impl Grant {
    /// The last day on which it holds, as in `2027-12-31`; none if it has no end.
    pub fn last_day(&self) -> Option<String> {
        self.expires.map(last_day)
    }

    /// What it lets a plugin do, or not do: each text goes on after "may".
    pub fn in_words(&self) -> Vec<String> {
        match &self.scope {
            Scope::Whole => vec![whole(self.capability).to_owned()],
            Scope::Files(roots) => roots
                .iter()
                .flat_map(|root| {
                    let each = |pattern: &super::PathPattern| {
                        let path = root.absolute(&pattern.to_string());
                        match self.capability {
                            Capability::Watch => format!("be told of changes of {path}"),
                            _ => format!("read {path}"),
                        }
                    };
                    root.patterns.iter().map(each)
                })
                .collect(),
            Scope::Seen(seen) => vec![seen.in_words(self.capability, self.effect)],
            Scope::Programs(programs) => programs
                .iter()
                .flat_map(|program| program.in_words(self.effect))
                .collect(),
            Scope::Wakes(wakes) => wakes.in_words(self.effect),
            Scope::Controls(controls) => controls.in_words(self.effect),
            Scope::Messages(messages) => messages.in_words(self.effect),
            Scope::Powers(powers) => powers.in_words(self.effect),
            Scope::Requests(requests) => requests.in_words(self.effect),
        }
    }
}
