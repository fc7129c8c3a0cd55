//! Locking, suspending, restarting and switching off the device. Only action handlers have it.

pub use crate::bindings::handle_part::bailiwick::plugin::power::{Error, Verb};
use crate::handler_host::power;

/// Has it done, once users were warned for as long as the grant says. Returns once it was
/// accepted: the device may no longer answer then.
///
/// # Errors
/// See [`Error`].
pub fn ask(verb: Verb) -> Result<(), Error> {
    power::ask(verb)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Device;

    #[test]
    fn the_fake_answers_as_a_test_says() {
        let device = Device::new().power(Ok(()));
        assert_eq!(device.run(|| ask(Verb::Reboot)), Ok(()));
        assert_eq!(device.asked_power(), [Verb::Reboot]);
        let unset = Device::new();
        assert_eq!(unset.run(|| ask(Verb::Lock)), Err(Error::Denied));
        let denied = Device::new().power(Ok(())).deny("power");
        assert_eq!(denied.run(|| ask(Verb::Lock)), Err(Error::Denied));
    }
}
