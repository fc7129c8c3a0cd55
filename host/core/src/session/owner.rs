//! Whose a process is: of one session, or of the system.

use std::collections::BTreeMap;

use super::{
    id::SessionId,
    reading::{SessionKind, SessionState},
    tracker::Session,
};

/// What the kernel tells of a process that shows whose it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProcessMarks {
    /// Its audit session id.
    pub audit: Option<u32>,
    /// The user who logged in and from whose login it descends.
    pub login_uid: Option<u32>,
    /// Its path in systemd's hierarchy of control groups; empty if there is none.
    pub cgroup: String,
}

impl ProcessMarks {
    /// Whether it is among a user's own services (`user@UID.service`). They begin with the
    /// user's first login and have an audit session id, which is no login.
    pub fn is_user_service(&self) -> bool {
        matches!(Place::of(&self.cgroup), Place::UserServices(_))
    }
}

/// Whose a process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner<'a> {
    /// Of this session.
    Session(&'a SessionId),
    /// Of no session.
    System,
}

/// The open sessions, made ready to tell whose many processes are.
#[derive(Debug)]
pub struct Owners<'a> {
    by_scope: BTreeMap<(u32, &'a str), Placed<'a>>,
    by_audit: BTreeMap<u32, Placed<'a>>,
    display: BTreeMap<u32, Placed<'a>>,
}

/// A session, and its place among those that were given.
type Placed<'a> = (usize, &'a Session);

impl<'a> Owners<'a> {
    /// Of these sessions.
    pub fn new(sessions: impl IntoIterator<Item = &'a Session>) -> Self {
        let mut owners = Self {
            by_scope: BTreeMap::new(),
            by_audit: BTreeMap::new(),
            display: BTreeMap::new(),
        };
        for placed in sessions.into_iter().enumerate() {
            let (_, session) = placed;
            let facts = &session.facts;
            if let Some(logind) = &facts.logind {
                owners.by_scope.insert((facts.uid, logind), placed);
            }
            if let Some(audit) = facts.audit {
                owners.by_audit.entry(audit).or_insert(placed);
            }
            let shown = owners.display.entry(facts.uid).or_insert(placed);
            if standing(session) < standing(shown.1) {
                *shown = placed;
            }
        }
        owners
    }

    /// Whose a process with these marks is: as [`Self::placed`].
    pub fn of(&self, process: &ProcessMarks) -> Owner<'a> {
        match self.placed(process) {
            Some((_, session)) => Owner::Session(&session.id),
            None => Owner::System,
        }
    }

    /// The session of a process with these marks, with its place among those that were given;
    /// none if it is the system's.
    ///
    /// The scope that logind put it in comes first: users can't leave it. Then its audit
    /// session. What runs in a user's `user@UID.service` carries an audit session id of its
    /// own, which is no login: it belongs to the session in which that user sits.
    pub(crate) fn placed(&self, process: &ProcessMarks) -> Option<Placed<'a>> {
        let place = Place::of(&process.cgroup);
        if let Place::Scope(uid, number) = place
            && let Some(placed) = self.by_scope.get(&(uid, number))
        {
            return Some(*placed);
        }
        if let Some(placed) = process.audit.and_then(|audit| self.by_audit.get(&audit))
            && process
                .login_uid
                .is_none_or(|uid| uid == placed.1.facts.uid)
        {
            return Some(*placed);
        }
        match place {
            Place::UserServices(uid) => self.display.get(&uid).copied(),
            Place::Scope(..) | Place::Elsewhere => None,
        }
    }
}

/// Lower is more likely where the user sits; among equals the one that opened first.
fn standing(session: &Session) -> (bool, u8, u8, u64) {
    let kind = match session.facts.kind.as_ref().map(|told| told.value) {
        Some(SessionKind::Graphical) => 0,
        Some(SessionKind::Remote(_)) => 1,
        Some(SessionKind::Console) => 2,
        None => 3,
        Some(SessionKind::Background) => 4,
        Some(SessionKind::Service) => 5,
    };
    let state = match session.facts.state.as_ref().map(|told| told.value) {
        Some(SessionState::Active) | None => 0,
        Some(SessionState::Locked) => 1,
        Some(SessionState::Disconnected) => 2,
        Some(SessionState::Closing) => 3,
    };
    (state == 3, kind, state, session.id.generation())
}

/// Where systemd put a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place<'a> {
    /// In the scope of a login: user and logind's id.
    Scope(u32, &'a str),
    /// Among a user's own services.
    UserServices(u32),
    /// Anywhere else.
    Elsewhere,
}

impl<'a> Place<'a> {
    /// `/user.slice/user-UID.slice/` and then `session-ID.scope` or `user@UID.service`.
    /// Only from the root on: a container has slices of its own further down, and a user
    /// may make groups of any name below `user@UID.service`.
    fn of(cgroup: &'a str) -> Self {
        let Some((slice, rest)) = cgroup
            .strip_prefix("/user.slice/user-")
            .and_then(|rest| rest.split_once(".slice/"))
        else {
            return Self::Elsewhere;
        };
        let Ok(uid) = slice.parse::<u32>() else {
            return Self::Elsewhere;
        };
        let unit = rest.split('/').next().unwrap_or_default();
        let number = unit
            .strip_prefix("session-")
            .and_then(|unit| unit.strip_suffix(".scope"));
        let services = unit
            .strip_prefix("user@")
            .and_then(|unit| unit.strip_suffix(".service"));
        match (number, services) {
            (Some(number), _) => Self::Scope(uid, number),
            (_, Some(user)) if user == slice => Self::UserServices(uid),
            _ => Self::Elsewhere,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        session::{Reading, Seen, Source, Tracker},
        time::Timestamp,
    };

    fn sessions(seen: Vec<Seen>) -> Vec<Session> {
        let mut tracker = Tracker::new(100);
        let reading = Reading {
            consulted: [Source::Logind].into(),
            seen,
            ..Reading::default()
        };
        tracker.observe(&reading, Timestamp::EPOCH);
        tracker.sessions().cloned().collect()
    }

    fn login(number: &str, audit: Option<u32>, uid: u32, kind: SessionKind) -> Seen {
        Seen {
            logind: Some(number.to_owned()),
            audit,
            kind: Some(kind),
            ..Seen::new(Source::Logind, uid)
        }
    }

    fn three() -> Vec<Session> {
        sessions(vec![
            login("3", Some(3), 1000, SessionKind::Console),
            login("4", Some(4), 1000, SessionKind::Graphical),
            login("c1", None, 1001, SessionKind::Console),
        ])
    }

    fn number(owner: Owner<'_>) -> &str {
        match owner {
            Owner::Session(id) => id.number(),
            Owner::System => "system",
        }
    }

    fn process(audit: Option<u32>, login_uid: Option<u32>, cgroup: &str) -> ProcessMarks {
        ProcessMarks {
            audit,
            login_uid,
            cgroup: cgroup.to_owned(),
        }
    }

    #[test]
    fn a_process_belongs_to_one_session_or_to_the_system() {
        let three = three();
        let owners = Owners::new(&three);
        let services = "/user.slice/user-1000.slice/user@1000.service/app.slice/x.service";
        for (audit, login_uid, cgroup, expected) in [
            (None, None, "/system.slice/cron.service", "system"),
            (None, None, "", "system"),
            (Some(3), Some(1000), "", "3"),
            // A scope decides, whatever audit says.
            (
                Some(3),
                Some(1000),
                "/user.slice/user-1000.slice/session-4.scope",
                "4",
            ),
            (
                None,
                None,
                "/user.slice/user-1001.slice/session-c1.scope",
                "c1",
            ),
            (
                None,
                None,
                "/user.slice/user-1001.slice/session-c1.scope/deeper",
                "c1",
            ),
            // A scope that is not known: audit.
            (
                Some(3),
                Some(1000),
                "/user.slice/user-1000.slice/session-77.scope",
                "3",
            ),
            // A user's services are where the user sits.
            (Some(9), Some(1000), services, "4"),
            (Some(9), Some(1000), "/system.slice/cron.service", "system"),
            (
                Some(9),
                Some(1002),
                "/user.slice/user-1002.slice/user@1002.service",
                "system",
            ),
            // Someone else's audit session is not the user's.
            (Some(3), Some(1001), "", "system"),
        ] {
            let process = process(audit, login_uid, cgroup);
            assert_eq!(number(owners.of(&process)), expected, "{process:?}");
        }
    }

    #[test]
    fn groups_that_a_user_names_are_not_taken_for_scopes() {
        let three = three();
        let owners = Owners::new(&three);
        for cgroup in [
            "/user.slice/user-1001.slice/user@1001.service/session-4.scope",
            "/user.slice/user-1001.slice/user@1001.service/user.slice/user-1000.slice/session-4.scope",
            "/machine.slice/box/user.slice/user-1000.slice/session-4.scope",
            // Another user's slice.
            "/user.slice/user-1001.slice/session-4.scope",
            "/user.slice/user-1001.slice/user@1000.service",
            "/user.slice/user-.slice/session-4.scope",
            "/user.slice/user-1000.slice",
        ] {
            let owner = number(owners.of(&process(None, None, cgroup))).to_owned();
            assert!(
                ["system", "c1"].contains(&owner.as_str()),
                "{cgroup}: {owner}"
            );
        }
    }

    #[test]
    fn where_a_user_sits_is_a_session_that_is_not_closing() {
        let mut leaving = login("4", Some(4), 1000, SessionKind::Graphical);
        leaving.state = Some(SessionState::Closing);
        let both = sessions(vec![
            leaving,
            login("5", Some(5), 1000, SessionKind::Service),
            login("6", Some(6), 1000, SessionKind::Console),
        ]);
        let service = process(None, None, "/user.slice/user-1000.slice/user@1000.service");
        assert!(service.is_user_service());
        assert_eq!(number(Owners::new(&both).of(&service)), "6");
    }

    proptest! {
        /// One owner each, the same whatever the order of the sessions, and of sessions
        /// that there are.
        #[test]
        fn every_process_has_exactly_one_owner(
            audit in prop::option::of(0u32..6),
            login_uid in prop::option::of(999u32..1003),
            cgroup in "(/user\\.slice)?(/user-100[01]\\.slice)?(/session-(3|4|c1)\\.scope|/user@100[01]\\.service)?(/x)?",
        ) {
            let mut all = three();
            let process = process(audit, login_uid, &cgroup);
            let first = number(Owners::new(&all).of(&process)).to_owned();
            prop_assert!(first == "system" || all.iter().any(|one| one.id.number() == first));
            all.reverse();
            let owners = Owners::new(&all);
            prop_assert_eq!(number(owners.of(&process)), first);
        }
    }
}
