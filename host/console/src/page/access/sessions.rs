//! Who is logged in. In memory: after a restart everyone logs in again.

use std::{collections::BTreeMap, fmt};

use bailiwick_core::time::Timestamp;

use super::{Fingerprint, Role};

/// A session that is not used for so long ends.
const IDLE_MS: u64 = 30 * 60 * 1000;
/// A session ends after so long, however much it is used.
const LONGEST_MS: u64 = 12 * 60 * 60 * 1000;
/// Most sessions at once. One more ends the one that was not used for longest.
const MOST: usize = 256;

/// Names a session in the access log. It gives no access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SessionId(u32);

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

/// Someone who is logged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Session {
    pub(crate) id: SessionId,
    pub(crate) role: Role,
    since: Timestamp,
    used: Timestamp,
}

/// All sessions, by the fingerprint of their secret.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    open: BTreeMap<Fingerprint, Session>,
}

impl Session {
    fn has_ended(&self, now: Timestamp) -> bool {
        // A clock that was set back ends a session rather than prolong it.
        let past = |since: Timestamp, longest| {
            now.as_ms()
                .checked_sub(since.as_ms())
                .is_none_or(|age| age >= longest)
        };
        past(self.since, LONGEST_MS) || past(self.used, IDLE_MS)
    }
}

impl Sessions {
    /// Opens one for whoever holds the secret of `fingerprint`. `id` is random.
    pub(crate) fn open(
        &mut self,
        fingerprint: Fingerprint,
        id: u32,
        role: Role,
        now: Timestamp,
    ) -> Session {
        self.open.retain(|_, session| !session.has_ended(now));
        while self.open.len() >= MOST {
            let oldest = self.open.iter().min_by_key(|(_, session)| session.used);
            let Some(oldest) = oldest.map(|(fingerprint, _)| *fingerprint) else {
                break;
            };
            self.open.remove(&oldest);
        }
        let session = Session {
            id: SessionId(id),
            role,
            since: now,
            used: now,
        };
        self.open.insert(fingerprint, session);
        session
    }

    /// The session of whoever holds the secret of `fingerprint`, used now.
    pub(crate) fn find(&mut self, fingerprint: Fingerprint, now: Timestamp) -> Option<Session> {
        let session = self.open.get_mut(&fingerprint)?;
        if session.has_ended(now) {
            self.open.remove(&fingerprint);
            return None;
        }
        session.used = now;
        Some(*session)
    }

    /// Ends a session.
    pub(crate) fn close(&mut self, fingerprint: Fingerprint) {
        self.open.remove(&fingerprint);
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Secret, *};

    const MINUTE: u64 = 60_000;

    fn at(ms: u64) -> Timestamp {
        Timestamp::from_ms(1_000_000_000 + ms)
    }

    fn fingerprint() -> Fingerprint {
        Secret::random().unwrap().fingerprint()
    }

    #[test]
    fn a_session_lasts_while_it_is_used_and_no_longer_than_half_a_day() {
        let (mut sessions, mine) = (Sessions::default(), fingerprint());
        let opened = sessions.open(mine, 7, Role::Viewer, at(0));
        assert_eq!(opened.id.to_string(), "00000007");
        let mut now = 0;
        while now + 29 * MINUTE < LONGEST_MS {
            now += 29 * MINUTE;
            assert!(sessions.find(mine, at(now)).is_some(), "{now}");
        }
        assert_eq!(sessions.find(mine, at(LONGEST_MS)), None);
    }

    #[test]
    fn a_session_that_is_not_used_ends() {
        let (mut sessions, mine) = (Sessions::default(), fingerprint());
        sessions.open(mine, 1, Role::Operator, at(0));
        assert_eq!(sessions.find(mine, at(30 * MINUTE)), None);
        sessions.open(mine, 1, Role::Operator, at(0));
        let back = Timestamp::from_ms(1_000_000_000 - 1);
        assert_eq!(sessions.find(mine, back), None);
    }

    #[test]
    fn a_closed_session_and_a_strange_secret_find_nothing() {
        let (mut sessions, mine) = (Sessions::default(), fingerprint());
        sessions.open(mine, 1, Role::Operator, at(0));
        assert_eq!(sessions.find(fingerprint(), at(1)), None);
        sessions.close(mine);
        assert_eq!(sessions.find(mine, at(1)), None);
    }

    #[test]
    fn one_session_too_many_ends_the_one_not_used_for_longest() {
        let mut sessions = Sessions::default();
        let first = fingerprint();
        sessions.open(first, 0, Role::Viewer, at(0));
        let second = fingerprint();
        sessions.open(second, 1, Role::Viewer, at(1));
        for more in 2..MOST {
            sessions.open(fingerprint(), 2, Role::Viewer, at(more as u64));
        }
        assert!(sessions.find(first, at(1_000)).is_some());
        sessions.open(fingerprint(), 3, Role::Viewer, at(1_001));
        assert!(sessions.find(first, at(1_002)).is_some());
        assert_eq!(sessions.find(second, at(1_002)), None);
        assert_eq!(sessions.open.len(), MOST);
    }
}
