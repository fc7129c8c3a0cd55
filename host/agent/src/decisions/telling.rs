//! Writes into the log what was decided.

use std::time::Duration;

use bailiwick_core::decision::Kind;
use tokio::{select, time::sleep};

use super::{Entry, Observing, What, Written};
use crate::{
    events::{Decided, Event},
    run::{Answers, Host},
};

/// Decisions come several at a time: each commit waits this long for those that follow.
const GATHERING: Duration = Duration::from_millis(500);

/// Writes what is to be written, for ever. Nothing wakes it while nothing is decided.
pub(crate) async fn keep(host: &Host, sessions: &Answers) {
    loop {
        let now = host.clock.monotonic();
        let due = async {
            match host.decisions.next() {
                Some(at) => sleep(at.since(now)).await,
                None => std::future::pending().await,
            }
        };
        select! {
            () = host.decisions.bell.notified() => sleep(GATHERING).await,
            () = due => {}
        }
        write(host, sessions, false).await;
    }
}

/// Writes everything, before the agent ends.
pub(crate) async fn close(host: &Host, sessions: &Answers) {
    write(host, sessions, true).await;
    if let Some(Err(error)) = host.decisions.observing.as_ref().map(Observing::write) {
        host.output
            .warn(&format!("what plugins asked for can't be written: {error}"));
    }
}

async fn write(host: &Host, sessions: &Answers, all: bool) {
    let events: Vec<_> = host
        .decisions
        .take(all)
        .into_iter()
        .map(|written| (written.at, event(written, sessions)))
        .collect();
    if !events.is_empty() {
        host.tell_of(&events).await;
    }
}

fn event(written: Written, sessions: &Answers) -> Event {
    match written.what {
        What::Entry { entry, count } => {
            let decided = decided(&entry, count, sessions);
            match entry.kind {
                Kind::Denial => Event::Denied(decided),
                Kind::Effect => Event::Effect(decided),
            }
        }
        What::Unlisted { plugin, unlisted } => Event::DecisionsCounted {
            plugin,
            denials: unlisted.denials,
            effects: unlisted.effects,
        },
    }
}

fn decided(entry: &Entry, count: u64, sessions: &Answers) -> Decided {
    Decided {
        plugin: entry.author.plugin.clone(),
        version: entry.author.version.clone(),
        policy: entry.author.digest,
        call: entry.call.to_string(),
        outcome: entry.outcome.to_string(),
        allowed_by: entry.allowed_by.clone(),
        count,
        action: entry.action,
        session: entry.session.clone(),
        user: entry.user.map(|uid| sessions.user(uid)),
    }
}
