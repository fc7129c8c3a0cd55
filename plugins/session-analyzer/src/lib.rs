//! Session-collector: what the processes of a user's session use.
//!
//! Each sample says how processes were read, and has a row per process, with the application, the
//! package and the container that it belongs to; a row per process that ended since the sample before, with
//! how, where that can be told; and the state of the session. The applications that the device offers are in the first sample
//! of a session, and again every twelve hours: in the samples between, their collection is
//! empty.

mod applications;
mod ended;
mod groups;

use bailiwick_sdk::{
    Cell, CollectError, Collection, Field, Refusal, Rows, Schema, SessionCollector, clock,
    processes, sessions,
};

use ended::Lives;

/// From one reading of the applications to the next, in milliseconds.
const APPLICATIONS_EVERY: u64 = 12 * 3_600 * 1_000;

/// The collector of one session.
pub struct Analyzer {
    lives: Lives,
    /// When the applications were read last, by the device's clock.
    applications_at: Option<u64>,
}

impl SessionCollector for Analyzer {
    fn schema() -> Schema {
        // One per cent of a processor in the 15 s that are usual between two samples.
        let cpu = Field::unsigned("cpu").unit("ms").quantum(150);
        let bytes = |name, quantum| Field::unsigned(name).unit("bytes").quantum(quantum);
        let key = || [Field::unsigned("pid"), Field::timestamp("started")];
        Schema::new([
            Collection::keyed(
                "process",
                key(),
                [
                    Field::text("application"),
                    Field::text("package"),
                    Field::text("container"),
                    Field::unsigned("parent"),
                    Field::text("name"),
                    cpu,
                    bytes("memory", 65_536),
                    bytes("read", 4_096),
                    bytes("written", 4_096),
                    Field::text("user").personal(),
                    Field::text("command-line").personal(),
                ],
            ),
            Collection::single("reading", [Field::text("source")]),
            Collection::keyed(
                "ended",
                key(),
                [Field::text("how"), Field::unsigned("signal")],
            ),
            Collection::single(
                "session",
                [
                    Field::text("state"),
                    Field::text("kind"),
                    Field::timestamp("since"),
                    Field::timestamp("idle-since"),
                    Field::text("user").personal(),
                    Field::text("seat").personal(),
                    Field::text("terminal").personal(),
                    Field::text("display").personal(),
                    Field::text("client-name").personal(),
                    Field::text("client-address").personal(),
                ],
            ),
            Collection::keyed(
                "application",
                [Field::text("id")],
                [Field::text("name"), Field::text("program")],
            ),
        ])
    }

    fn new() -> Self {
        Self {
            lives: Lives::default(),
            applications_at: None,
        }
    }

    fn sample(&mut self) -> Result<Rows, CollectError> {
        let mut rows = Rows::new(&Self::schema());
        let table = processes::read()?;
        rows.push("reading", [table.source().into()]);
        for process in table.iter() {
            rows.push("process", process_row(&process));
        }
        for (life, ending) in self.lives.follow(table.iter()) {
            let how = [ending.word().into(), ending.signal().into()];
            rows.push(
                "ended",
                [life.pid.into(), life.started.into()]
                    .into_iter()
                    .chain(how),
            );
        }
        // Without the grant the rest is worth having.
        if let Ok(Some(session)) = sessions::own() {
            rows.push("session", session_row(&session));
        }
        let now = clock::now();
        if self.are_applications_due(now) {
            self.applications_at = Some(now);
            for application in applications::read() {
                let program = Cell::text_if_any(application.program);
                rows.push(
                    "application",
                    [application.id.into(), application.name.into(), program],
                );
            }
        }
        Ok(rows)
    }

    fn save(&self) -> Vec<u8> {
        let at = self.applications_at.map_or(0, |at| at.saturating_add(1));
        let mut saved = at.to_le_bytes().to_vec();
        self.lives.save(&mut saved);
        saved
    }

    fn load(_from_version: &str, state: &[u8]) -> Result<Self, Refusal> {
        let corrupt = || Refusal::Corrupt("it is not what this plugin saves".to_owned());
        let (at, lives) = state.split_first_chunk().ok_or_else(corrupt)?;
        Ok(Self {
            applications_at: u64::from_le_bytes(*at).checked_sub(1),
            lives: Lives::load(lives).ok_or_else(corrupt)?,
        })
    }
}

impl Analyzer {
    /// At first, after twelve hours, and after a clock that was set back.
    fn are_applications_due(&self, now: u64) -> bool {
        self.applications_at
            .is_none_or(|at| now < at || now - at >= APPLICATIONS_EVERY)
    }
}

fn process_row(process: &processes::Process<'_>) -> [Cell; 13] {
    [
        process.id.into(),
        process.started.into(),
        groups::application(process).into(),
        groups::package(process.executable).into(),
        process.container.into(),
        process.parent.into(),
        process.name.into(),
        process.cpu_ms.into(),
        process.memory.into(),
        process.read.into(),
        process.written.into(),
        process.user.into(),
        process.command_line.into(),
    ]
}

fn session_row(session: &sessions::Session) -> [Cell; 10] {
    [
        session.state.map(state).into(),
        session.kind.map(kind).into(),
        session.since.into(),
        session.idle_since.into(),
        session.user.as_deref().into(),
        session.seat.as_deref().into(),
        session.terminal.as_deref().into(),
        session.display.as_deref().into(),
        session.client_name.as_deref().into(),
        session.client_address.as_deref().into(),
    ]
}

fn state(of: sessions::State) -> &'static str {
    match of {
        sessions::State::Active => "active",
        sessions::State::Locked => "locked",
        sessions::State::Disconnected => "disconnected",
        sessions::State::Closing => "closing",
    }
}

fn kind(of: sessions::Kind) -> &'static str {
    match of {
        sessions::Kind::Graphical => "graphical",
        sessions::Kind::Console => "console",
        sessions::Kind::Ssh => "ssh",
        sessions::Kind::Rdp => "rdp",
        sessions::Kind::Vnc => "vnc",
        sessions::Kind::Remote => "remote",
        sessions::Kind::Service => "service",
        sessions::Kind::Background => "background",
    }
}

bailiwick_sdk::session_collector!(Analyzer);

#[cfg(test)]
mod tests;
