//! Waiting from one look to the next with one wake of the processor.
//!
//! tokio's timers wake it twice for a wait of more than 64 ms: its wheel first takes a turn.
//! At two looks in three seconds, day and night, that is half of what an idle agent uses.

use std::{
    os::fd::OwnedFd,
    time::{Duration, Instant},
};

use rustix::{
    io::Errno,
    time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    },
};
use tokio::{io::unix::AsyncFd, time::sleep};

use super::readable::readable;

/// A timer of the kernel; made when it is first used.
#[derive(Debug, Default)]
pub(super) struct Pulse(Option<AsyncFd<OwnedFd>>);

impl Pulse {
    /// Waits for `time`. May be dropped at any time.
    pub(super) async fn wait(&mut self, time: Duration) {
        if self.0.is_none() {
            self.0 = timer().ok();
        }
        let waited = match &self.0 {
            Some(timer) => expiry(timer, time).await,
            None => Err(Errno::MFILE.into()),
        };
        // No descriptor is left, say.
        if waited.is_err() {
            self.0 = None;
            sleep(time).await;
        }
    }
}

async fn expiry(timer: &AsyncFd<OwnedFd>, time: Duration) -> std::io::Result<()> {
    let once = Itimerspec {
        it_interval: Timespec::default(),
        it_value: Timespec {
            tv_sec: time.as_secs().cast_signed(),
            tv_nsec: time.subsec_nanos().into(),
        },
    };
    let began = Instant::now();
    timerfd_settime(timer, TimerfdTimerFlags::empty(), &once)?;
    loop {
        // It is not read: it is set anew before each wait, and told again when it expires.
        timer.readable().await?.clear_ready();
        // Else an earlier one expired after its wait was dropped.
        if began.elapsed() >= time {
            return Ok(());
        }
    }
}

fn timer() -> std::io::Result<AsyncFd<OwnedFd>> {
    let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
    let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
    readable(timer)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(30);

    #[tokio::test]
    async fn each_wait_takes_its_time_also_after_one_that_was_dropped() {
        let mut pulse = Pulse::default();
        let began = Instant::now();
        pulse.wait(SHORT).await;
        assert!(began.elapsed() >= SHORT);
        let never = Duration::from_secs(3_600);
        assert!(
            tokio::time::timeout(SHORT, pulse.wait(never))
                .await
                .is_err()
        );
        // Expires with nobody waiting.
        assert!(
            tokio::time::timeout(Duration::ZERO, pulse.wait(SHORT))
                .await
                .is_err()
        );
        sleep(2 * SHORT).await;
        let began = Instant::now();
        pulse.wait(SHORT).await;
        assert!(began.elapsed() >= SHORT);
    }
}
