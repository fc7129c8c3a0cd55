//! Processes that are ended, suspended or resumed. Only action handlers have it.

use std::time::Duration;

pub use crate::bindings::handle_part::bailiwick::plugin::process_control::{
    Ending, Error, Process,
};
use crate::handler_host::process_control;

/// Asks it to end, and has it killed if it is still there after `grace`, at most a minute.
/// Returns once it is gone.
///
/// # Errors
/// See [`Error`].
pub fn end(process: &Process, grace: Duration) -> Result<Ending, Error> {
    let grace = u32::try_from(grace.as_millis()).unwrap_or(u32::MAX);
    process_control::end(process, grace)
}

/// Suspends it, until it is resumed or ended.
///
/// # Errors
/// See [`Error`].
pub fn suspend(process: &Process) -> Result<(), Error> {
    process_control::suspend(process)
}

/// Lets it go on.
///
/// # Errors
/// See [`Error`].
pub fn resume(process: &Process) -> Result<(), Error> {
    process_control::resume(process)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{Control, Device};

    #[test]
    fn the_fake_ends_what_a_test_says_and_remembers_what_was_asked() {
        let process = Process {
            id: 7,
            started: 1_000,
            session: Some("3#1".to_owned()),
        };
        let device = Device::new().controllable(7, 1_000, Ok(Ending::Killed));
        let other = Process {
            started: 2_000,
            ..process.clone()
        };
        let grace = Duration::from_secs(2);
        assert_eq!(device.run(|| end(&process, grace)), Ok(Ending::Killed));
        assert_eq!(device.run(|| suspend(&other)), Err(Error::Denied));
        let asked = [
            (Control::End { grace_ms: 2_000 }, process.clone()),
            (Control::Suspend, other),
        ];
        assert_eq!(device.controlled(), asked);
        let denied = Device::new()
            .controllable(7, 1_000, Ok(Ending::ByItself))
            .deny("process-control");
        assert_eq!(denied.run(|| resume(&process)), Err(Error::Denied));
        assert_eq!(end(&process, grace), Err(Error::Denied), "on no device");
    }
}
