//! The first processes of sessions, watched for their end.
//!
//! logind gives no signal when a session begins to close: when its user has logged out and
//! programs of it still run. But the process that logged the user in ends then, and the
//! kernel tells that.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::poll_fn,
    os::fd::OwnedFd,
    task::Poll,
};

use rustix::process::{Pid, PidfdFlags, pidfd_open};
use tokio::io::{Interest, unix::AsyncFd};

/// Processes that are watched: each takes a descriptor. Of sessions beyond it the end of
/// closing is told, and not its beginning.
const MOST: usize = 256;

/// Watched processes, by whatever the caller calls their sessions.
#[derive(Debug, Default)]
pub(super) struct Leaders {
    watched: BTreeMap<String, AsyncFd<OwnedFd>>,
    /// Those that ended, or that can't be watched: they are not tried again.
    done: BTreeSet<String>,
}

impl Leaders {
    /// Watches the leaders of these sessions, and forgets those of others.
    pub(super) fn watch<'a>(&mut self, sessions: impl Iterator<Item = (&'a str, u32)>) {
        let sessions: BTreeMap<&str, u32> = sessions.collect();
        self.watched
            .retain(|name, _| sessions.contains_key(name.as_str()));
        self.done
            .retain(|name| sessions.contains_key(name.as_str()));
        for (name, pid) in sessions {
            if self.watched.len() >= MOST {
                return;
            }
            if self.watched.contains_key(name) || self.done.contains(name) {
                continue;
            }
            match open(pid) {
                Some(process) => drop(self.watched.insert(name.to_owned(), process)),
                None => drop(self.done.insert(name.to_owned())),
            }
        }
    }

    /// The session of the next leader that ends. May be dropped at any time.
    pub(super) async fn ended(&mut self) -> String {
        let name = poll_fn(|context| {
            let mut watched = self.watched.iter();
            let ended = watched.find(|(_, process)| process.poll_read_ready(context).is_ready());
            ended.map_or(Poll::Pending, |(name, _)| Poll::Ready(name.clone()))
        })
        .await;
        self.watched.remove(&name);
        self.done.insert(name.clone());
        name
    }
}

#[expect(
    deprecated,
    reason = "its successor is unsafe for the sake of types that may lie about their descriptor, \
              and `OwnedFd` does not"
)]
fn open(pid: u32) -> Option<AsyncFd<OwnedFd>> {
    let pid = Pid::from_raw(i32::try_from(pid).ok()?)?;
    let process = pidfd_open(pid, PidfdFlags::empty()).ok()?;
    AsyncFd::with_interest(process, Interest::READABLE).ok()
}

#[cfg(test)]
mod tests {
    use std::{process::Command, time::Duration};

    use super::*;

    #[tokio::test]
    async fn the_end_of_a_leader_is_told_once() {
        let mut child = Command::new("sleep").arg("600").spawn().unwrap();
        let mut leaders = Leaders::default();
        let sessions = [("one", child.id()), ("gone", u32::MAX)];
        leaders.watch(sessions.into_iter());
        let mut ended = Box::pin(leaders.ended());
        let soon = Duration::from_millis(50);
        assert!(tokio::time::timeout(soon, &mut ended).await.is_err());
        child.kill().unwrap();
        let bound = Duration::from_secs(30);
        let name = tokio::time::timeout(bound, ended).await.unwrap();
        assert_eq!(name, "one");
        leaders.watch(sessions.into_iter());
        assert!(leaders.watched.is_empty());
        child.wait().unwrap();
        leaders.watch(std::iter::empty());
        assert!(leaders.done.is_empty());
    }
}
