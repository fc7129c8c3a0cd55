//! logind's sessions over D-Bus (org.freedesktop.login1(5)), and its signals.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_core::{
    session::{Idle, MOST_SESSIONS, Remote, Seen, SessionKind, SessionState, Source},
    time::Timestamp,
};

use super::{
    bus::{Bus, BusError, Message, Value, WireError},
    leaders::Leaders,
};

const LOGIND: &str = "org.freedesktop.login1";
const ROOT: &str = "/org/freedesktop/login1";
const MANAGER: &str = "org.freedesktop.login1.Manager";
const SESSION: &str = "org.freedesktop.login1.Session";
const USER: &str = "org.freedesktop.login1.User";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";

/// The signals by which logind tells that something is different, and the bus that logind
/// came or went.
const RULES: [&str; 3] = [
    "type='signal',sender='org.freedesktop.login1',interface='org.freedesktop.login1.Manager'",
    "type='signal',sender='org.freedesktop.login1',interface='org.freedesktop.DBus.Properties',\
     member='PropertiesChanged',path_namespace='/org/freedesktop/login1/session'",
    "type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',\
     member='NameOwnerChanged',arg0='org.freedesktop.login1'",
];

/// logind as seen through one connection: what it told last, and what has changed since.
#[derive(Debug)]
pub(super) struct Logind {
    bus: Bus,
    /// Object's path → the session; none for one that is no user's.
    known: BTreeMap<String, Option<Seen>>,
    stale: BTreeSet<String>,
    /// Object's path → a user who had no session when asked for; the services, if they linger.
    lone: BTreeMap<String, Option<Seen>>,
    leaders: Leaders,
    presence: Presence,
}

/// Whether there is a logind on the bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Presence {
    Unknown,
    /// Its signals are heard and the list of its sessions is the last that it told.
    Listed,
    /// There is one, and its list is out of date.
    Stale,
    Absent,
}

/// What logind told.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) seen: Vec<Seen>,
    pub(super) cut: usize,
}

impl Logind {
    /// Connects to the bus and listens to what concerns logind, whether it is there or not.
    pub(super) async fn connect(address: &str) -> Result<Self, BusError> {
        let mut bus = Bus::connect(address).await?;
        for rule in RULES {
            bus.listen(rule).await?;
        }
        Ok(Self {
            bus,
            known: BTreeMap::new(),
            stale: BTreeSet::new(),
            lone: BTreeMap::new(),
            leaders: Leaders::default(),
            presence: Presence::Unknown,
        })
    }

    /// Whether logind answered when it was asked last.
    pub(super) fn is_present(&self) -> bool {
        matches!(self.presence, Presence::Listed | Presence::Stale)
    }

    /// Whether it said something since it was asked.
    pub(super) fn is_outdated(&self) -> bool {
        self.presence != Presence::Listed || !self.stale.is_empty()
    }

    /// Its sessions; asks only for those that changed. None if it is not on the bus.
    pub(super) async fn sessions(&mut self) -> Result<Option<Told>, BusError> {
        while let Some(signal) = self.bus.kept_signal() {
            self.note(&signal);
        }
        if self.presence == Presence::Absent {
            return Ok(None);
        }
        let Some(listed) = self.list().await? else {
            self.presence = Presence::Absent;
            self.known.clear();
            return Ok(None);
        };
        self.presence = Presence::Listed;
        let cut = listed.len().saturating_sub(MOST_SESSIONS);
        let mut seen = Vec::new();
        let mut known = BTreeMap::new();
        for entry in listed.into_iter().take(MOST_SESSIONS) {
            let before = self.known.remove(&entry.path).filter(|before| {
                let same = |seen: &Seen| seen.logind.as_ref() == Some(&entry.number);
                !self.stale.contains(&entry.path) && before.as_ref().is_none_or(same)
            });
            let session = match before {
                Some(before) => before,
                None => match self.properties(&entry.path, SESSION).await? {
                    Some(properties) => to_seen(&entry, &properties),
                    // It ended since it was listed.
                    None => continue,
                },
            };
            seen.extend(session.clone());
            known.insert(entry.path, session);
        }
        self.known = known;
        self.stale.clear();
        let leaders = self.known.iter().filter_map(|(path, seen)| {
            let leader = seen.as_ref()?.leader?;
            Some((path.as_str(), leader))
        });
        self.leaders.watch(leaders);
        let lingering = self.lingering(&seen).await?;
        let room = MOST_SESSIONS.saturating_sub(seen.len());
        let cut = cut + lingering.len().saturating_sub(room);
        seen.extend(lingering.into_iter().take(room));
        Ok(Some(Told { seen, cut }))
    }

    /// Services that run though their user has not logged in. Asks for users who have no
    /// session; whose services lingered once keeps them until logind forgets the user. From
    /// version 256 on logind has a session for any user's services.
    async fn lingering(&mut self, seen: &[Seen]) -> Result<Vec<Seen>, BusError> {
        let call = Message::call(LOGIND, ROOT, MANAGER, "ListUsers", &[]);
        let answer = match self.bus.ask(call).await {
            Ok(answer) => answer,
            // Sessions are worth having without.
            Err(BusError::Refused { .. }) => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let listed = answer.arguments().array(8, |reader| {
            let (uid, name) = (reader.u32()?, reader.string()?.to_owned());
            Ok((uid, name, reader.string()?.to_owned()))
        })?;
        let present: BTreeSet<u32> = seen.iter().map(|seen| seen.uid).collect();
        let mut lone = BTreeMap::new();
        for (uid, name, path) in listed.into_iter().take(MOST_SESSIONS) {
            let is_lone = !present.contains(&uid);
            let services = match self.lone.remove(&path).flatten() {
                None if is_lone => match self.properties(&path, USER).await? {
                    Some(properties) => services(uid, name, &properties),
                    None => continue,
                },
                known => known,
            };
            lone.insert(path, services);
        }
        self.lone = lone;
        Ok(self.lone.values().flatten().cloned().collect())
    }

    /// Returns when [`Logind::sessions`] may tell something else. May be dropped at any time.
    pub(super) async fn changed(&mut self) -> Result<(), BusError> {
        loop {
            let signal = tokio::select! {
                signal = self.bus.signal() => signal?,
                path = self.leaders.ended() => {
                    self.stale.insert(path);
                    return Ok(());
                }
            };
            if self.note(&signal) {
                return Ok(());
            }
        }
    }

    /// Remembers what a signal says is out of date; whether anything is.
    fn note(&mut self, signal: &Message) -> bool {
        match (signal.interface.as_str(), signal.member.as_str()) {
            (MANAGER, "SessionNew" | "SessionRemoved" | "UserNew" | "UserRemoved") => {
                self.presence = Presence::Stale;
            }
            (PROPERTIES, "PropertiesChanged") => {
                self.stale.insert(signal.path.clone());
                // Whoever sends signals to no end must not fill memory with them.
                if self.stale.len() > MOST_SESSIONS {
                    self.known.clear();
                    self.stale.clear();
                }
            }
            // Started anew: its counters may have begun anew too.
            ("org.freedesktop.DBus", "NameOwnerChanged") => {
                self.known.clear();
                self.lone.clear();
                self.presence = Presence::Unknown;
            }
            _ => return false,
        }
        true
    }

    /// None if there is no logind.
    async fn list(&mut self) -> Result<Option<Vec<Entry>>, BusError> {
        let call = Message::call(LOGIND, ROOT, MANAGER, "ListSessions", &[]);
        match self.bus.ask(call).await {
            Ok(answer) => Ok(Some(entries(&answer)?)),
            Err(BusError::Refused { name, .. }) if is_absence(&name) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Of the session or user at `path`; none if there is none.
    async fn properties(
        &mut self,
        path: &str,
        interface: &str,
    ) -> Result<Option<Properties>, BusError> {
        let call = Message::call(LOGIND, path, PROPERTIES, "GetAll", &[interface]);
        match self.bus.ask(call).await {
            Ok(answer) => Ok(Some(Properties::read(&answer)?)),
            Err(BusError::Refused { name, .. }) if name.ends_with(".UnknownObject") => Ok(None),
            Err(BusError::Refused { name, .. }) if name.ends_with(".NoSuchSession") => Ok(None),
            Err(BusError::Refused { name, .. }) if name.ends_with(".NoSuchUser") => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// The bus says that nobody has the name.
fn is_absence(error: &str) -> bool {
    ["ServiceUnknown", "NameHasNoOwner"]
        .iter()
        .any(|name| error.strip_prefix("org.freedesktop.DBus.Error.") == Some(*name))
}

/// One line of `ListSessions`.
#[derive(Debug)]
struct Entry {
    number: String,
    uid: u32,
    user: String,
    seat: String,
    path: String,
}

fn entries(answer: &Message) -> Result<Vec<Entry>, WireError> {
    answer.arguments().array(8, |reader| {
        Ok(Entry {
            number: reader.string()?.to_owned(),
            uid: reader.u32()?,
            user: reader.string()?.to_owned(),
            seat: reader.string()?.to_owned(),
            path: reader.string()?.to_owned(),
        })
    })
}

/// What logind says of one session.
#[derive(Debug, Default)]
struct Properties(BTreeMap<String, Value>);

impl Properties {
    fn read(answer: &Message) -> Result<Self, WireError> {
        let pairs = answer.arguments().array(8, |reader| {
            Ok((reader.string()?.to_owned(), reader.variant()?))
        })?;
        Ok(Self(pairs.into_iter().collect()))
    }

    /// Empty if it is not there.
    fn text(&self, name: &str) -> &str {
        match self.0.get(name) {
            Some(Value::Text(text)) => text,
            _ => "",
        }
    }

    fn some_text(&self, name: &str) -> Option<String> {
        Some(self.text(name).to_owned()).filter(|text| !text.is_empty())
    }

    fn is_set(&self, name: &str) -> bool {
        self.0.get(name) == Some(&Value::Bool(true))
    }

    /// 0 means that logind does not know.
    fn number(&self, name: &str) -> Option<u32> {
        match self.0.get(name) {
            Some(Value::U32(number)) if *number != 0 => Some(*number),
            _ => None,
        }
    }

    /// logind counts in microseconds.
    fn time(&self, name: &str) -> Option<Timestamp> {
        match self.0.get(name) {
            Some(Value::U64(us)) if *us != 0 => Some(Timestamp::from_ms(us / 1_000)),
            _ => None,
        }
    }
}

/// None for the greeter at a screen: it is where users log in and no user's session.
fn to_seen(entry: &Entry, properties: &Properties) -> Option<Seen> {
    let class = properties.text("Class");
    if class == "greeter" || class == "lock-screen" {
        return None;
    }
    let idle = match (
        properties.is_set("IdleHint"),
        properties.time("IdleSinceHint"),
    ) {
        (false, _) => Some(Idle::InUse),
        (true, Some(since)) => Some(Idle::Since(since)),
        (true, None) => None,
    };
    Some(Seen {
        logind: Some(entry.number.clone()),
        audit: properties.number("Audit"),
        leader: properties.number("Leader"),
        user_name: Some(entry.user.clone()),
        kind: kind(properties),
        state: state(properties),
        since: properties.time("Timestamp"),
        idle,
        seat: Some(entry.seat.clone()),
        terminal: properties.some_text("TTY"),
        display: properties.some_text("Display"),
        ..Seen::new(Source::Logind, entry.uid).used_from(properties.text("RemoteHost"))
    })
}

/// The services of a user who has no session; none if they end with the user's last one.
fn services(uid: u32, name: String, properties: &Properties) -> Option<Seen> {
    if !properties.is_set("Linger") || properties.text("State") == "closing" {
        return None;
    }
    Some(Seen {
        logind: Some(format!("u{uid}")),
        user_name: Some(name),
        kind: Some(SessionKind::Service),
        state: Some(SessionState::Active),
        since: properties.time("Timestamp"),
        ..Seen::new(Source::Logind, uid)
    })
}

fn kind(properties: &Properties) -> Option<SessionKind> {
    let class = properties.text("Class");
    if class.starts_with("manager") {
        return Some(SessionKind::Service);
    }
    if class.starts_with("background") {
        return Some(SessionKind::Background);
    }
    let service = properties.text("Service");
    let remote = match service {
        "sshd" | "dropbear" => Some(Remote::Ssh),
        _ if service.starts_with("xrdp") || service.contains("remote-desktop") => Some(Remote::Rdp),
        _ if service.contains("vnc") => Some(Remote::Vnc),
        _ if properties.is_set("Remote") => Some(Remote::Other),
        _ => None,
    };
    if let Some(remote) = remote {
        return Some(SessionKind::Remote(remote));
    }
    match properties.text("Type") {
        "x11" | "wayland" | "mir" => Some(SessionKind::Graphical),
        "tty" => Some(SessionKind::Console),
        _ => None,
    }
}

fn state(properties: &Properties) -> Option<SessionState> {
    match properties.text("State") {
        "closing" => Some(SessionState::Closing),
        "active" | "online" | "opening" if properties.is_set("LockedHint") => {
            Some(SessionState::Locked)
        }
        "active" | "opening" => Some(SessionState::Active),
        // Logged in, and another session is at the seat.
        "online" => Some(SessionState::Disconnected),
        _ => None,
    }
}
