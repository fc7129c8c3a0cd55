//! What logind says of one session, and of a user who has none.

use std::collections::BTreeMap;

use bailiwick_core::{
    session::{Idle, Remote, Seen, SessionKind, SessionState, Source},
    time::Timestamp,
};

use crate::sessions::bus::{Message, Value, WireError};

/// One line of `ListSessions`.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) number: String,
    uid: u32,
    user: String,
    seat: String,
    pub(super) path: String,
}

pub(super) fn entries(answer: &Message) -> Result<Vec<Entry>, WireError> {
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
pub(super) struct Properties(BTreeMap<String, Value>);

impl Properties {
    pub(super) fn read(answer: &Message) -> Result<Self, WireError> {
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
pub(super) fn to_seen(entry: &Entry, properties: &Properties) -> Option<Seen> {
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
pub(super) fn services(uid: u32, name: String, properties: &Properties) -> Option<Seen> {
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
