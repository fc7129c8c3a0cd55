//! What is known of a session, and by whom.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::reading::{Idle, Seen, SessionKind, SessionState, Source};
use crate::time::Timestamp;

/// Longest text of a source that is kept, in characters; host names have at most 253.
const LONGEST: usize = 255;

/// A fact and the source that told it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told<T> {
    /// What was told.
    pub value: T,
    /// Who told it.
    pub by: Source,
}

/// What the sources told of one session. A source's word stands until it, or a better one,
/// says otherwise: a session that logind called locked stays so while only the kernel
/// answers, which can't tell, and the tag says whose word it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "`Seen` documents each field of the same name")]
pub struct Facts {
    /// The best source that knows it now, or knew it last.
    pub source: Source,
    pub logind: Option<String>,
    pub audit: Option<u32>,
    pub leader: Option<Told<u32>>,
    pub uid: u32,
    pub user_name: Option<Told<String>>,
    pub kind: Option<Told<SessionKind>>,
    pub state: Option<Told<SessionState>>,
    pub since: Option<Told<Timestamp>>,
    pub idle: Option<Told<Idle>>,
    pub seat: Option<Told<String>>,
    pub terminal: Option<Told<String>>,
    pub display: Option<Told<String>>,
    pub client_name: Option<Told<String>>,
    pub client_address: Option<Told<IpAddr>>,
}

/// What of a session changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Aspect {
    /// How the user came.
    Kind,
    /// What it does.
    State,
    /// Whether it is used. That it is idle since another moment is no change.
    Idle,
    /// Seat, terminal, display, or from where it is used.
    Place,
    /// The user's name.
    UserName,
}

impl Aspect {
    /// In one word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Kind => "kind",
            Self::State => "state",
            Self::Idle => "idle",
            Self::Place => "place",
            Self::UserName => "user-name",
        }
    }
}

/// By what a session is known again. In the order of how much it proves.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Mark {
    Logind(String),
    Audit(u32),
    Leader(u32),
    Terminal(String),
}

impl From<&Seen> for Facts {
    fn from(seen: &Seen) -> Self {
        let by = seen.source;
        let text = |text: &Option<String>| {
            text.as_deref()
                .and_then(tidy)
                .map(|value| Told { value, by })
        };
        Self {
            source: by,
            logind: seen.logind.as_deref().and_then(tidy),
            audit: seen.audit,
            leader: told(seen.leader, by),
            uid: seen.uid,
            user_name: text(&seen.user_name),
            kind: told(seen.kind, by),
            state: told(seen.state, by),
            since: told(seen.since, by),
            idle: told(seen.idle, by),
            seat: text(&seen.seat),
            terminal: text(&seen.terminal),
            display: text(&seen.display),
            client_name: text(&seen.client_name),
            client_address: told(seen.client_address, by),
        }
    }
}

impl Facts {
    /// Takes over what another source, or the same one later, tells of this session.
    pub(super) fn learn(&mut self, news: Self) -> Vec<Aspect> {
        let idle_before = self.is_idle();
        let mut changed = Vec::new();
        let mut note = |aspect, differs: bool| {
            if differs && !changed.contains(&aspect) {
                changed.push(aspect);
            }
        };
        note(Aspect::Kind, learn(&mut self.kind, news.kind));
        note(Aspect::State, learn(&mut self.state, news.state));
        note(Aspect::Place, learn(&mut self.seat, news.seat));
        note(Aspect::Place, learn(&mut self.terminal, news.terminal));
        note(Aspect::Place, learn(&mut self.display, news.display));
        note(
            Aspect::Place,
            learn(&mut self.client_name, news.client_name),
        );
        note(
            Aspect::Place,
            learn(&mut self.client_address, news.client_address),
        );
        note(Aspect::UserName, learn(&mut self.user_name, news.user_name));
        learn(&mut self.idle, news.idle);
        note(Aspect::Idle, self.is_idle() != idle_before);
        learn(&mut self.leader, news.leader);
        learn(&mut self.since, news.since);
        self.source = news.source;
        self.logind = news.logind.or(self.logind.take());
        self.audit = news.audit.or(self.audit);
        changed
    }

    /// As [`Facts::learn`], of the same moment: the better source remains the session's.
    pub(super) fn join(&mut self, other: Self) {
        let source = self.source.min(other.source);
        self.learn(other);
        self.source = source;
    }

    fn is_idle(&self) -> bool {
        matches!(
            self.idle,
            Some(Told {
                value: Idle::Since(_),
                ..
            })
        )
    }

    /// Whether both are the same session. The first mark that both have decides.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        if self.uid != other.uid {
            return false;
        }
        if let (Some(one), Some(two)) = (&self.logind, &other.logind) {
            return one == two && self.began_like(other);
        }
        if let (Some(one), Some(two)) = (self.audit, other.audit) {
            return one == two;
        }
        if let (Some(one), Some(two)) = (&self.leader, &other.leader) {
            return one.value == two.value;
        }
        matches!((&self.terminal, &other.terminal), (Some(one), Some(two)) if one.value == two.value)
    }

    /// logind gives a number again once its counter began anew, but not the same moment.
    fn began_like(&self, other: &Self) -> bool {
        match (&self.since, &other.since) {
            (Some(one), Some(two)) if one.by == two.by => one.value == two.value,
            _ => true,
        }
    }

    pub(super) fn marks(&self) -> impl Iterator<Item = Mark> {
        let marks = [
            self.logind.clone().map(Mark::Logind),
            self.audit.map(Mark::Audit),
            self.leader
                .as_ref()
                .map(|leader| Mark::Leader(leader.value)),
            self.terminal
                .as_ref()
                .map(|told| Mark::Terminal(told.value.clone())),
        ];
        marks.into_iter().flatten()
    }

    /// What the platform calls it, for its id.
    pub(super) fn number(&self) -> String {
        match (&self.logind, self.audit, &self.leader, &self.terminal) {
            (Some(logind), ..) => logind.clone(),
            (_, Some(audit), ..) => audit.to_string(),
            (_, _, Some(leader), _) => format!("p{}", leader.value),
            (_, _, _, Some(terminal)) => terminal.value.clone(),
            _ => format!("u{}", self.uid),
        }
    }
}

fn told<T>(value: Option<T>, by: Source) -> Option<Told<T>> {
    value.map(|value| Told { value, by })
}

/// Takes `news` unless a better source told `known`; whether the value differs then.
fn learn<T: PartialEq>(known: &mut Option<Told<T>>, news: Option<Told<T>>) -> bool {
    match (known.as_ref(), news) {
        (_, None) => false,
        (Some(old), Some(new)) if new.by > old.by => false,
        (old, Some(new)) => {
            let differs = old.is_none_or(|old| old.value != new.value);
            *known = Some(new);
            differs
        }
    }
}

/// Text of a source, which may be what a remote user chose: cut, without control
/// characters; none if nothing is left.
fn tidy(text: &str) -> Option<String> {
    let tidied: String = text
        .chars()
        .filter(|c| !c.is_control())
        .take(LONGEST)
        .collect();
    (!tidied.is_empty()).then_some(tidied)
}
