//! `processes`: the port's table as one buffer, without what the grants don't cover.

use std::{borrow::Cow, sync::Arc, time::Duration};

use bailiwick_core::{
    policy::{Call, Capability, Fields, ProcessesView, Sensitive},
    ports::Pseudonyms,
    process::{Process, ProcessState, ProcessTable, container},
    session::{Owner, Session},
};

use super::redacted;
use crate::{
    bindings::bailiwick::plugin::processes::{Error, Host},
    context::Context,
};

/// As the contract says: instances that ask at nearly the same time share a reading.
const NO_OLDER_THAN: Duration = Duration::from_secs(1);

const MAGIC: &[u8] = b"BPT1";
const READ: u8 = 1;
const WRITTEN: u8 = 1 << 1;
const USER: u8 = 1 << 2;
const COMMAND_LINE: u8 = 1 << 3;
const SESSION: u8 = 1 << 4;
const CONTAINER: u8 = 1 << 5;

impl Host for Context {
    async fn read(&mut self) -> wasmtime::Result<Result<Vec<u8>, Error>> {
        let entered = self.enter(Capability::Processes)?;
        let answer = if entered.granted {
            self.table().await
        } else {
            Err(Error::Denied)
        };
        if matches!(answer, Err(Error::Denied)) {
            self.refused(Call::Processes(self.own_look()));
        } else if self.observed {
            self.was_read(Call::Processes(self.own_look()));
        }
        if let Ok(buffer) = &answer {
            self.account.pass(buffer.len() as u64)?;
        }
        self.leave(&entered);
        Ok(answer)
    }
}

impl Context {
    async fn table(&mut self) -> Result<Vec<u8>, Error> {
        let now = self.ports.clock.now();
        let Ok(view) = self.processes.view(self.ports.session.as_ref(), now) else {
            self.account.denials += 1;
            return Err(Error::Denied);
        };
        let table = self.ports.processes.table(NO_OLDER_THAN).await;
        let table = table.map_err(|_| Error::Unavailable)?;
        let sessions = self.ports.sessions.open();
        Ok(encode(&table, &view, &sessions, &*self.ports.pseudonyms))
    }
}

fn encode(
    table: &ProcessTable,
    view: &ProcessesView<'_>,
    sessions: &Arc<Vec<Session>>,
    pseudonyms: &dyn Pseudonyms,
) -> Vec<u8> {
    let owned = table.owned(sessions);
    let look = |place: usize| {
        let owner = owned.owner(place);
        Some((table.processes.get(place)?, owner, view.fields(owner)?))
    };
    // In the order of their ids, as the table is.
    let seen: Vec<_> = if view.sees_others() {
        (0..table.processes.len()).filter_map(look).collect()
    } else {
        let own = view.own().into_iter();
        let own = own.flat_map(|own| owned.of_session(own));
        own.filter_map(look).collect()
    };
    let mut rows = Vec::new();
    for (process, owner, fields) in &seen {
        let parent = seen.binary_search_by_key(&process.parent, |(process, ..)| process.pid);
        let parent = parent.map_or(0, |_| process.parent);
        row(&mut rows, (process, parent), *owner, *fields, pseudonyms);
    }
    let mut buffer = Vec::with_capacity(rows.len() + 32);
    buffer.extend_from_slice(MAGIC);
    put(&mut buffer, table.taken_at.as_ms());
    put_text(&mut buffer, table.way.name());
    put(&mut buffer, seen.len() as u64);
    buffer.extend_from_slice(&rows);
    buffer
}

fn row(
    out: &mut Vec<u8>,
    (process, parent): (&Process, u32),
    owner: Owner<'_>,
    fields: Fields,
    pseudonyms: &dyn Pseudonyms,
) {
    put(out, u64::from(process.pid));
    put(out, process.started.as_ms());
    put(out, u64::from(parent));
    put(out, process.cpu_ms);
    put(out, process.memory.get());
    put(out, u64::from(process.threads));
    put(
        out,
        match process.state {
            ProcessState::Running => 0,
            ProcessState::Ended => 1,
            ProcessState::Killed { signal } => 2 + u64::from(signal),
        },
    );
    let given = out.len();
    out.push(0);
    let described = &process.described;
    put_text(out, &described.name);
    put_text(out, &described.executable_for(fields));
    let mut bits = 0;
    for (bit, number) in [(READ, process.read), (WRITTEN, process.written)] {
        if let Some(number) = number {
            bits |= bit;
            put(out, number.get());
        }
    }
    let session = match owner {
        Owner::Session(id) => Some(id.to_string()),
        Owner::System => None,
    };
    let of = |field, value| redacted(fields, field, value, pseudonyms);
    let texts = [
        (
            USER,
            described
                .user
                .as_deref()
                .and_then(|user| of(Sensitive::User, user)),
        ),
        (
            COMMAND_LINE,
            of(Sensitive::CommandLine, &described.command_line),
        ),
        (SESSION, session.map(Cow::Owned)),
        (
            CONTAINER,
            container(&described.marks.cgroup).map(Cow::Borrowed),
        ),
    ];
    for (bit, text) in texts {
        if let Some(text) = text {
            bits |= bit;
            put_text(out, &text);
        }
    }
    out[given] = bits;
}

fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}
