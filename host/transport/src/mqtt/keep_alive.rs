//! Whether the other side still lives. Without a clock of its own.

use std::time::Duration;

use tokio::time::Instant;

/// For the answer to a ping. What the operating system holds back on a slow line goes
/// before it.
const PATIENCE: Duration = Duration::from_secs(30);

/// For an answer that is owed, until a ping asks whether anybody is there.
const SOON: Duration = Duration::from_secs(10);

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pulse {
    /// Nothing before then.
    Wait(Instant),
    /// A ping.
    Ping,
    /// The end: nothing came after a ping.
    Dead,
}

/// A connection is quiet while nothing was written, or nothing read, for `every`: then a
/// ping asks. So a half-open connection is noticed within `every` + 30 s, also while this
/// side goes on writing into it, and within 40 s while an answer is owed. While a long message leaves on a slow line there is no
/// ping, which would wait behind it: then it counts that something can still be written.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeepAlive {
    every: Duration,
    written: Instant,
    read: Instant,
    asked: Option<Instant>,
}

impl KeepAlive {
    pub(super) const fn new(every: Duration, now: Instant) -> Self {
        Self {
            every,
            written: now,
            read: now,
            asked: None,
        }
    }

    /// Something was written.
    pub(super) const fn wrote(&mut self, now: Instant) {
        self.written = now;
    }

    /// Something arrived.
    pub(super) const fn heard(&mut self, now: Instant) {
        self.read = now;
        self.asked = None;
    }

    /// A ping was written.
    pub(super) const fn pinged(&mut self, now: Instant) {
        self.written = now;
        self.asked = Some(now);
    }

    /// What is due, while `backlog` bytes wait to be written, and an answer has been owed
    /// since `owed`.
    pub(super) fn poll(&self, now: Instant, backlog: usize, owed: Option<Instant>) -> Pulse {
        let (due, then) = match self.asked {
            _ if backlog > 0 => (self.written + self.every + PATIENCE, Pulse::Dead),
            Some(asked) => (asked + PATIENCE, Pulse::Dead),
            None => {
                let quiet = self.written.min(self.read) + self.every;
                let owed = owed.map(|since| since.max(self.read) + SOON);
                (owed.map_or(quiet, |owed| owed.min(quiet)), Pulse::Ping)
            }
        };
        if now >= due { then } else { Pulse::Wait(due) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY: Duration = Duration::from_secs(60);

    #[test]
    fn a_quiet_connection_is_asked_and_a_dead_one_is_ended() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut alive = KeepAlive::new(EVERY, start);
        assert_eq!(alive.poll(at(59), 0, None), Pulse::Wait(at(60)));
        assert_eq!(alive.poll(at(60), 0, None), Pulse::Ping);
        alive.pinged(at(60));
        assert_eq!(alive.poll(at(89), 0, None), Pulse::Wait(at(90)));
        assert_eq!(alive.poll(at(90), 0, None), Pulse::Dead);
        alive.heard(at(89));
        assert_eq!(alive.poll(at(89), 0, None), Pulse::Wait(at(120)));
    }

    #[test]
    fn writing_into_silence_does_not_hide_it() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut alive = KeepAlive::new(EVERY, start);
        alive.wrote(at(50));
        assert_eq!(alive.poll(at(60), 0, None), Pulse::Ping);
    }

    #[test]
    fn an_answer_that_is_owed_is_asked_for_soon_unless_something_else_came() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut alive = KeepAlive::new(EVERY, start);
        alive.wrote(at(20));
        let owed = Some(at(20));
        assert_eq!(alive.poll(at(29), 0, owed), Pulse::Wait(at(30)));
        assert_eq!(alive.poll(at(30), 0, owed), Pulse::Ping);
        alive.heard(at(28));
        assert_eq!(alive.poll(at(30), 0, owed), Pulse::Wait(at(38)));
        alive.pinged(at(38));
        assert_eq!(alive.poll(at(68), 0, owed), Pulse::Dead);
    }

    #[test]
    fn a_long_message_on_a_slow_line_is_no_silence_and_a_stuck_one_is() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut alive = KeepAlive::new(EVERY, start);
        alive.wrote(at(200));
        assert_eq!(alive.poll(at(200), 1, None), Pulse::Wait(at(290)));
        assert_eq!(alive.poll(at(290), 1, None), Pulse::Dead);
        assert_eq!(alive.poll(at(200), 0, None), Pulse::Ping);
    }
}
