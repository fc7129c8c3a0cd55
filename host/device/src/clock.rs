//! The clocks of this machine.

#[cfg(not(unix))]
use std::time::Instant;
use std::time::{SystemTime, UNIX_EPOCH};

use bailiwick_core::{
    ports::Clock,
    time::{Monotonic, Timestamp},
};

/// The operating system's clocks. Copies share the same zero.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    /// Zero of [`Clock::monotonic`], in nanoseconds of the system's own clock.
    start_ns: u64,
    source: Source,
}

/// Where the kernel takes the time from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// The time-stamp counter: the kernel tests it at boot, watches it, and turns to another
    /// clock for good if it ever runs unevenly (Documentation/timers/timekeeping.rst).
    Counter,
    Other,
}

impl Source {
    #[cfg(target_os = "linux")]
    fn present() -> Self {
        let path = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
        match std::fs::read(path) {
            Ok(name) if name.trim_ascii() == b"tsc" => Self::Counter,
            _ => Self::Other,
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn present() -> Self {
        Self::Other
    }
}

impl SystemClock {
    /// A clock whose monotonic zero is now. Make one per process: moments of different
    /// ones can't be compared.
    pub fn new() -> Self {
        Self {
            start_ns: monotonic_ns(),
            source: Source::present(),
        }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    /// A clock set to before 1970 reads as 1970.
    fn now(&self) -> Timestamp {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp::from_ms(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    fn monotonic(&self) -> Monotonic {
        Monotonic::from_ns(monotonic_ns().saturating_sub(self.start_ns))
    }

    #[cfg(target_os = "linux")]
    fn since_boot(&self) -> Monotonic {
        Monotonic::from_ns(clock_ns(rustix::time::ClockId::Boottime))
    }

    fn thread_cpu_ns(&self) -> u64 {
        thread_cpu_ns()
    }

    fn is_the_processors(&self) -> bool {
        self.source == Source::Counter
    }
}

/// The clock itself: each call of a plugin reads it twice, and what `Instant` makes of it is
/// a fifth of that.
#[cfg(unix)]
#[inline]
fn monotonic_ns() -> u64 {
    clock_ns(rustix::time::ClockId::Monotonic)
}

#[cfg(not(unix))]
fn monotonic_ns() -> u64 {
    static START: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
    u64::try_from(START.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// CPU time that the calling thread has used, in nanoseconds.
#[cfg(unix)]
pub(crate) fn thread_cpu_ns() -> u64 {
    clock_ns(rustix::time::ClockId::ThreadCPUTime)
}

#[cfg(unix)]
#[inline]
fn clock_ns(clock: rustix::time::ClockId) -> u64 {
    let time = rustix::time::clock_gettime(clock);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanoseconds = u64::try_from(time.tv_nsec).unwrap_or(0);
    seconds
        .saturating_mul(1_000_000_000)
        .saturating_add(nanoseconds)
}

/// Elapsed time: the system's own count (`GetThreadTimes`) needs unsafe code. It never
/// understates what a guest used, so a CPU share holds; on a busy machine, and while it
/// waits for a file, a plugin reaches its share earlier than it would have to.
#[cfg(not(unix))]
pub(crate) fn thread_cpu_ns() -> u64 {
    monotonic_ns()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wall_is_past_2025_and_the_monotonic_clock_does_not_go_back() {
        let clock = SystemClock::new();
        assert!(clock.now().as_ms() > 1_735_689_600_000);
        let first = clock.monotonic();
        assert!(clock.monotonic() >= first);
    }

    /// The kernel tells the same in `/proc/uptime`, in hundredths of a second.
    #[cfg(target_os = "linux")]
    #[test]
    fn time_since_boot_is_what_the_kernel_says() {
        let uptime = || {
            let text = std::fs::read_to_string("/proc/uptime").unwrap();
            let seconds: f64 = text.split(' ').next().unwrap().parse().unwrap();
            std::time::Duration::from_secs_f64(seconds)
        };
        let before = uptime();
        let told = SystemClock::new().since_boot().since(Monotonic::ZERO);
        let hundredth = std::time::Duration::from_millis(10);
        assert!(before <= told && told <= uptime() + hundredth, "{told:?}");
    }

    #[cfg(unix)]
    #[test]
    fn thread_time_counts_this_thread_and_no_other() {
        let clock = SystemClock::new();
        let before = clock.thread_cpu_ns();
        let other = std::thread::spawn(move || {
            let start = clock.thread_cpu_ns();
            while clock.thread_cpu_ns() < start + 50_000_000 {
                std::hint::spin_loop();
            }
        });
        other.join().unwrap();
        let mine = clock.thread_cpu_ns() - before;
        assert!(mine < 40_000_000, "{mine} ns for waiting");
        let start = clock.monotonic();
        while clock.thread_cpu_ns() < before + mine + 5_000_000 {
            std::hint::spin_loop();
        }
        assert!(clock.monotonic().since(start).as_nanos() >= 4_000_000);
    }
}
