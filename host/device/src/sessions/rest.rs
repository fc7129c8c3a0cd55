//! From one look at the kernel to the next.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{notices::Notices, pulse::Pulse};
use crate::Privileged;

/// From one look to the next while something may happen: with the time for looking and
/// telling, a login is told within 2 s even on a busy machine.
pub(super) const PERIOD: Duration = Duration::from_millis(1_500);
/// From one look to the next where no process comes or goes.
pub(super) const CALM: Duration = Duration::from_secs(30);

/// What can be expected of the time until the next look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expected {
    /// Processes came or went just now: a login may still get its number, or write its
    /// files, without another.
    More,
    /// Nothing, unless a process comes or goes.
    Nothing,
}

/// Who tells that processes come and go.
#[derive(Clone, Debug)]
pub(super) enum Teller {
    /// The kernel, where it does, on a socket that the privileged process opens, if there is
    /// one.
    Kernel(Option<Arc<Privileged>>),
    /// Nobody: these are not the kernel's own processes.
    #[cfg(test)]
    Nobody,
}

impl Teller {
    /// Who may look at what this process may not, if there is one.
    pub(super) fn privileged(&self) -> Option<Arc<Privileged>> {
        match self {
            Self::Kernel(privileged) => privileged.clone(),
            #[cfg(test)]
            Self::Nobody => None,
        }
    }
}

/// Waits, and remembers the last look.
#[derive(Debug)]
pub(super) struct Rest {
    pulse: Pulse,
    notices: Listening,
    ended: Option<Instant>,
}

#[derive(Debug)]
enum Listening {
    NotYet(Option<Arc<Privileged>>),
    To(Notices),
    ToNobody,
}

impl Rest {
    pub(super) fn new(teller: Teller) -> Self {
        Self {
            pulse: Pulse::default(),
            notices: match teller {
                Teller::Kernel(privileged) => Listening::NotYet(privileged),
                #[cfg(test)]
                Teller::Nobody => Listening::ToNobody,
            },
            ended: None,
        }
    }

    /// Waits until it is time to look. May be dropped at any time.
    pub(super) async fn wait(&mut self, expected: Expected) {
        if let Listening::NotYet(privileged) = &self.notices {
            self.notices = Notices::open(privileged.as_deref())
                .await
                .map_or(Listening::ToNobody, Listening::To);
        }
        if let (Listening::To(notices), Expected::Nothing) = (&self.notices, expected)
            && notices
                .within(CALM.saturating_sub(self.rested()))
                .await
                .is_err()
        {
            self.notices = Listening::ToNobody;
        }
        let left = PERIOD.saturating_sub(self.rested());
        if !left.is_zero() {
            self.pulse.wait(left).await;
        }
        self.ended = Some(Instant::now());
    }

    /// How long ago the last rest ended.
    fn rested(&self) -> Duration {
        self.ended.map_or(Duration::ZERO, |at| at.elapsed())
    }
}
