//! Whose each process of a table is, found out once for all who ask about the same sessions.

use std::sync::{Arc, OnceLock};

use super::ProcessTable;
use crate::session::{Owner, Owners, Session, SessionId};

/// The owners of a table's processes.
#[derive(Debug)]
pub struct Owned {
    sessions: Arc<Vec<Session>>,
    /// Of each process, in the table's order, the place of its session; none for the system's.
    owners: Vec<Option<usize>>,
    /// Places of the processes of sessions, session by session.
    by_session: Vec<usize>,
    /// Of each session, where its own begin in that; and where the last one's end.
    begins: Vec<usize>,
}

/// What a table keeps of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Kept(OnceLock<Arc<Owned>>);

impl ProcessTable {
    /// Whose its processes are, of these sessions. On a terminal server hundreds of instances ask
    /// about one table, nearly always with one list of sessions.
    pub fn owned(&self, sessions: &Arc<Vec<Session>>) -> Arc<Owned> {
        let kept = self
            .owned
            .0
            .get_or_init(|| Arc::new(Owned::of(self, sessions)));
        if Arc::ptr_eq(&kept.sessions, sessions) {
            return Arc::clone(kept);
        }
        // A session came or went since the table was made.
        Arc::new(Owned::of(self, sessions))
    }
}

impl Owned {
    fn of(table: &ProcessTable, sessions: &Arc<Vec<Session>>) -> Self {
        let owners = Owners::new(sessions.iter());
        let mut placed = Vec::with_capacity(table.processes.len());
        let mut begins = vec![0; sessions.len() + 1];
        for process in &table.processes {
            let session = owners.placed(&process.described.marks);
            let session = session.map(|(place, _)| place);
            placed.push(session);
            if let Some(place) = session {
                begins[place + 1] += 1;
            }
        }
        // Counted, and so in their order without being sorted.
        for place in 0..sessions.len() {
            begins[place + 1] += begins[place];
        }
        let mut by_session = vec![0; begins[sessions.len()]];
        let mut next = begins.clone();
        for (process, session) in placed.iter().enumerate() {
            if let Some(place) = session {
                by_session[next[*place]] = process;
                next[*place] += 1;
            }
        }
        Self {
            sessions: Arc::clone(sessions),
            owners: placed,
            by_session,
            begins,
        }
    }

    /// Whose the process at this place of the table is.
    pub fn owner(&self, process: usize) -> Owner<'_> {
        let session = self.owners.get(process).copied().flatten();
        match session.and_then(|place| self.sessions.get(place)) {
            Some(session) => Owner::Session(&session.id),
            None => Owner::System,
        }
    }

    /// Places of a session's processes, in the table's order.
    pub fn of_session(&self, id: &SessionId) -> impl Iterator<Item = usize> {
        let place = self.sessions.iter().position(|session| session.id == *id);
        let range = place.map_or(0..0, |place| self.begins[place]..self.begins[place + 1]);
        self.by_session[range].iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        bytes::ByteCount,
        process::{Described, Process, ProcessState, Way},
        session::{ProcessMarks, Reading, Seen, Source, Tracker},
        time::{Monotonic, Timestamp},
    };

    fn table(audits: &[Option<u32>]) -> ProcessTable {
        let process = |(at, audit): (usize, &Option<u32>)| Process {
            pid: at as u32,
            started: Timestamp::EPOCH,
            parent: 1,
            described: Arc::new(Described {
                marks: ProcessMarks {
                    audit: *audit,
                    ..ProcessMarks::default()
                },
                ..Described::default()
            }),
            cpu_ms: 0,
            memory: ByteCount::new(0),
            read: None,
            written: None,
            threads: 1,
            state: ProcessState::Running,
        };
        let processes = audits.iter().enumerate().map(process).collect();
        ProcessTable::new(Timestamp::EPOCH, Monotonic::ZERO, Way::Proc, processes, 0)
    }

    fn sessions(audits: &[u32]) -> Arc<Vec<Session>> {
        let mut tracker = Tracker::new(100);
        let seen = audits.iter().map(|audit| Seen {
            audit: Some(*audit),
            ..Seen::new(Source::Kernel, 1_000 + audit)
        });
        let reading = Reading {
            consulted: [Source::Kernel].into(),
            seen: seen.collect(),
            ..Reading::default()
        };
        tracker.observe(&reading, Timestamp::EPOCH);
        Arc::new(tracker.sessions().cloned().collect())
    }

    proptest! {
        #[test]
        fn each_process_is_whose_it_is_by_itself(
            audits in prop::collection::vec(prop::option::of(1_u32..6), 0..20),
            first in prop::collection::btree_set(1_u32..6, 0..5),
            second in prop::collection::btree_set(1_u32..6, 0..5),
        ) {
            let table = table(&audits);
            for of in [first, second] {
                let sessions = sessions(&Vec::from_iter(of));
                let owned = table.owned(&sessions);
                let owners = Owners::new(sessions.iter());
                for (place, process) in table.processes.iter().enumerate() {
                    let owner = owners.of(&process.described.marks);
                    prop_assert_eq!(owned.owner(place), owner);
                }
                for session in sessions.iter() {
                    let own = |place: &usize| owned.owner(*place) == Owner::Session(&session.id);
                    let expected: Vec<_> = (0..audits.len()).filter(own).collect();
                    let told: Vec<_> = owned.of_session(&session.id).collect();
                    prop_assert_eq!(told, expected);
                }
                prop_assert_eq!(owned.of_session(&SessionId::new("99", 99)).count(), 0);
            }
        }
    }
}
