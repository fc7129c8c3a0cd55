//! logind's sessions over D-Bus (org.freedesktop.login1(5)), and its signals.

mod told;

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_core::session::{MOST_SESSIONS, Seen};

use super::{
    bus::{Bus, BusError, Message},
    leaders::Leaders,
};
use crate::Privileged;
use told::{Entry, Properties, entries, services, to_seen};

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
    /// `privileged` connects, where there is one.
    pub(super) async fn connect(
        privileged: Option<&Privileged>,
        address: &str,
    ) -> Result<Self, BusError> {
        let mut bus = Bus::through(privileged, address).await?;
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
