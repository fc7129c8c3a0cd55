//! What an allowed call is done with, and when that is no more than something else.

use super::{
    ControlAllowed, Fields, HttpAllowed, MessageAllowed, PowerAllowed, Program, RunAs, WakeAllowed,
    files::beneath,
};
use crate::http::Network;

/// What an allowed call is done with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Permit {
    /// Nothing but the call itself decides.
    Whole,
    /// Beneath this root, which no link leads out of.
    File {
        /// Absolute.
        root: String,
    },
    /// These fields are seen, asked for or not.
    Seen(Fields),
    /// The program as it is granted.
    Run(Box<Program>),
    /// Under this.
    Wake(WakeAllowed),
    /// Under this.
    Control(ControlAllowed),
    /// Under this.
    Request(HttpAllowed),
    /// Under this.
    Message(MessageAllowed),
    /// Under this.
    Power(PowerAllowed),
}

impl Permit {
    /// Whether it gives nothing that `other` does not give. Both are of one call.
    pub fn is_within(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Whole, Self::Whole) => true,
            (Self::File { root: mine }, Self::File { root: other }) => encloses(other, mine),
            (Self::Seen(mine), Self::Seen(other)) => mine.is_within(*other),
            (Self::Run(mine), Self::Run(other)) => mine.terms_beyond(other).is_empty(),
            (Self::Wake(mine), Self::Wake(other)) => {
                mine.per_minute <= other.per_minute && mine.link_is_named <= other.link_is_named
            }
            (Self::Control(mine), Self::Control(other)) => mine.per_minute <= other.per_minute,
            (Self::Request(mine), Self::Request(other)) => {
                let held = |network: &Network| {
                    let mut others = other.networks.iter();
                    others.any(|other| network.gives_no_more_than(other))
                };
                mine.per_minute <= other.per_minute && mine.networks.iter().all(held)
            }
            // In whose name is compared where all names are known that are granted.
            (Self::Message(mine), Self::Message(other)) => mine.per_minute <= other.per_minute,
            (Self::Power(mine), Self::Power(other)) => {
                mine.warn_for >= other.warn_for && mine.pause >= other.pause
            }
            _ => false,
        }
    }
}

/// Whether everything beneath `inner` is beneath `outer`.
pub(super) fn encloses(outer: &str, inner: &str) -> bool {
    outer == inner || beneath(outer, inner).is_some()
}

impl Program {
    /// What a run under this gets that one under `other` does not, each with what that gets
    /// instead. Paths and arguments are not compared.
    pub(super) fn terms_beyond(&self, other: &Self) -> Vec<(String, String)> {
        let mut terms = Vec::new();
        let mut add = |is_within: bool, mine: String, other: String| {
            if !is_within {
                terms.push((mine, other));
            }
        };
        // Root can do what every account can. A session's user is nobody's in particular.
        let as_whom = self.run_as == other.run_as
            || matches!((&self.run_as, &other.run_as), (RunAs::User(_), RunAs::Root));
        add(as_whom, self.run_as.in_words(), other.run_as.in_words());
        let content = |program: &Self| match &program.sha256 {
            Some(digest) => format!("with the content {digest}"),
            None => "with any content".to_owned(),
        };
        let same_content = other.sha256.is_none() || self.sha256 == other.sha256;
        add(same_content, content(self), content(other));
        for (name, value) in &self.environment {
            let before = match other.environment.get(name) {
                Some(value) => format!("with `{name}={value}`"),
                None => format!("without `{name}`"),
            };
            let same = other.environment.get(name) == Some(value);
            add(same, format!("with `{name}={value}`"), before);
        }
        let place = |program: &Self| format!("in {}", program.directory);
        let same_place = self.directory == other.directory;
        add(same_place, place(self), place(other));
        let time = |program: &Self| format!("for {}", crate::time::Span::new(program.time_limit));
        add(self.time_limit <= other.time_limit, time(self), time(other));
        let output = |program: &Self| format!("with {} of output", program.output_limit);
        let no_more = self.output_limit <= other.output_limit;
        add(no_more, output(self), output(other));
        terms
    }
}
