//! What happened on the way to a server.

use std::fmt;

use super::HostPort;

/// Who stands at a hop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Proxy,
    Server,
}

/// One stop on the way, and what it did, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop {
    what: String,
    result: String,
}

impl fmt::Display for Hop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.result)
    }
}

/// Why there is no connection: the hops that were passed, and the one that failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", words(hops))]
pub struct ConnectError {
    hops: Vec<Hop>,
}

fn words(hops: &[Hop]) -> String {
    let hops: Vec<String> = hops.iter().map(Hop::to_string).collect();
    hops.join("; ")
}

/// Hops as they are made.
#[derive(Debug, Default)]
pub(super) struct Trail {
    passed: Vec<Hop>,
    here: String,
}

impl Trail {
    /// The next hop is `at`.
    pub(super) fn at(&mut self, role: Role, at: &HostPort) {
        self.here = match role {
            Role::Proxy => format!("the proxy {at}"),
            Role::Server => format!("the broker {at}"),
        };
    }

    /// The hop was passed.
    pub(super) fn ok(&mut self, result: String) {
        self.passed.push(Hop {
            what: self.here.clone(),
            result,
        });
    }

    pub(super) fn done(self) -> Vec<Hop> {
        self.passed
    }

    /// The hop failed.
    pub(super) fn failed(mut self, reason: String) -> ConnectError {
        if self.here.is_empty() {
            self.here.push_str("the proxy");
        }
        self.ok(reason);
        ConnectError { hops: self.passed }
    }
}
