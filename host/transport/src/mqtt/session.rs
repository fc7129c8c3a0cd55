//! Messages on their way to a broker, over as many connections as it takes. Without a
//! clock, a socket or bytes.

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;
use tokio::time::Instant;

use super::wire::{Publish, QoS};

/// Messages without their PUBACK at once. A broker that acknowledges after a commit writes
/// all of them in one: with 20 a backlog waits for the disk and not for the processor.
const WINDOW: usize = 100;

/// Highest packet id of a message; those above are for subscriptions.
const HIGHEST: u16 = 0x7fff;

/// A message, and `T`, which is given back with its PUBACK.
#[derive(Debug)]
pub(super) struct Outgoing<T> {
    pub(super) topic: String,
    pub(super) payload: Bytes,
    pub(super) retain: Retain,
    pub(super) token: T,
}

/// Whether the broker keeps a message for those who subscribe later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Retain {
    No,
    Yes,
}

/// A message that was written at least once.
struct InFlight<T> {
    id: u16,
    repeated: bool,
    written: Instant,
    message: Outgoing<T>,
}

/// What is not acknowledged, in the order in which it was published.
pub(super) struct Session<T> {
    waiting: VecDeque<Outgoing<T>>,
    in_flight: VecDeque<InFlight<T>>,
    /// How many of `in_flight`, from the first, were written in this connection.
    current: usize,
    last_id: u16,
}

impl<T> Session<T> {
    pub(super) const fn new() -> Self {
        Self {
            waiting: VecDeque::new(),
            in_flight: VecDeque::new(),
            current: 0,
            last_id: 0,
        }
    }

    pub(super) fn publish(&mut self, message: Outgoing<T>) {
        self.waiting.push_back(message);
    }

    /// A connection begins: everything without a PUBACK is due again, in its order and with
    /// its packet id [MQTT-4.4.0-1]. It is a repetition only to a broker that remembers
    /// the session.
    pub(super) fn resume(&mut self, broker_remembers: bool) {
        self.current = 0;
        for one in &mut self.in_flight {
            one.repeated = broker_remembers;
        }
    }

    /// What to write next, if anything may be.
    pub(super) fn next(&mut self, now: Instant) -> Option<Publish> {
        if self.current == self.in_flight.len() {
            if self.in_flight.len() >= WINDOW || self.waiting.is_empty() {
                return None;
            }
            let id = self.free_id();
            self.in_flight.push_back(InFlight {
                id,
                repeated: false,
                written: now,
                message: self.waiting.pop_front()?,
            });
        }
        let one = self.in_flight.get_mut(self.current)?;
        self.current += 1;
        one.written = now;
        let message = &one.message;
        let mut publish = Publish::from_bytes(
            message.topic.clone(),
            QoS::AtLeastOnce,
            message.payload.clone(),
        );
        publish.pkid = one.id;
        publish.dup = one.repeated;
        publish.retain = message.retain == Retain::Yes;
        Some(publish)
    }

    /// The PUBACK of `id` came. None if nothing with that id is under way in this
    /// connection: late or made up, it means nothing.
    pub(super) fn acknowledged(&mut self, id: u16) -> Option<T> {
        let mut current = self.in_flight.iter().take(self.current);
        let at = current.position(|one| one.id == id)?;
        self.current -= 1;
        Some(self.in_flight.remove(at)?.message.token)
    }

    /// When the message that has waited longest for its PUBACK in this connection has
    /// waited for `patience`.
    pub(super) fn overdue(&self, patience: Duration) -> Option<Instant> {
        // They were written in their order.
        let first = self.in_flight.iter().take(self.current).next();
        first.map(|one| one.written + patience)
    }

    /// Fewer ids are in use than there are, so one is found.
    fn free_id(&mut self) -> u16 {
        loop {
            self.last_id = self.last_id % HIGHEST + 1;
            if self.in_flight.iter().all(|one| one.id != self.last_id) {
                return self.last_id;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message<T>(topic: String, token: T) -> Outgoing<T> {
        Outgoing {
            topic,
            payload: Bytes::new(),
            retain: Retain::No,
            token,
        }
    }

    fn filled(count: u32) -> Session<u32> {
        let mut session = Session::new();
        for n in 0..count {
            session.publish(message(format!("t/{n}"), n));
        }
        session
    }

    #[test]
    fn the_window_bounds_what_is_under_way() {
        let now = Instant::now();
        let mut session = filled(250);
        let ids: Vec<_> = std::iter::from_fn(|| session.next(now))
            .map(|one| one.pkid)
            .collect();
        assert_eq!(ids, (1..=100).collect::<Vec<_>>());
        assert_eq!(session.acknowledged(7), Some(6));
        assert_eq!(session.acknowledged(7), None);
        assert_eq!(session.acknowledged(0), None);
        assert_eq!(session.next(now).unwrap().pkid, 101);
        assert_eq!(session.next(now), None);
    }

    #[test]
    fn a_new_connection_sends_everything_again_in_order() {
        let now = Instant::now();
        for remembers in [true, false] {
            let mut session = filled(3);
            let first = session.next(now).unwrap();
            session.next(now).unwrap();
            assert!(!first.dup);
            session.resume(remembers);
            assert_eq!(session.acknowledged(1), None, "of the connection before");
            let again: Vec<_> = std::iter::from_fn(|| session.next(now)).collect();
            let seen: Vec<_> = again.iter().map(|one| (one.pkid, one.dup)).collect();
            assert_eq!(seen, [(1, remembers), (2, remembers), (3, false)]);
            assert_eq!(again[0].topic, "t/0");
        }
    }

    #[test]
    fn ids_go_round_and_pass_over_those_in_use() {
        let now = Instant::now();
        let mut session = filled(u32::from(HIGHEST) + 2);
        assert_eq!(session.next(now).unwrap().pkid, 1);
        for expected in 2..=HIGHEST {
            assert_eq!(session.next(now).unwrap().pkid, expected);
            session.acknowledged(expected).unwrap();
        }
        assert_eq!(session.next(now).unwrap().pkid, 2, "1 is still under way");
    }

    proptest::proptest! {
        /// Whatever happens in whatever order: every message is acknowledged at most once,
        /// and once the broker answers, all of them are.
        #[test]
        fn nothing_is_lost(steps in proptest::collection::vec(0..40_u16, 0..400)) {
            let now = Instant::now();
            let mut session = Session::new();
            let (mut published, mut acknowledged) = (0, Vec::new());
            for step in steps {
                match step {
                    0..10 => {
                        session.publish(message("t".into(), published));
                        published += 1;
                    }
                    10..20 => drop(session.next(now)),
                    20 => session.resume(step % 2 == 0),
                    id => acknowledged.extend(session.acknowledged(id - 20)),
                }
            }
            session.resume(false);
            while let Some(one) = session.next(now) {
                acknowledged.extend(session.acknowledged(one.pkid));
            }
            acknowledged.sort_unstable();
            proptest::prop_assert_eq!(acknowledged, (0..published).collect::<Vec<_>>());
        }
    }
}
