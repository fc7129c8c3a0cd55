//! Messages to users of sessions. Only action handlers have it.

pub use crate::bindings::handle_part::bailiwick::plugin::message::{Delivered, Error};
use crate::handler_host::message;

/// Shows `text` to the user of the session with this id.
///
/// # Errors
/// See [`Error`].
pub fn show(session: &str, text: &str) -> Result<Delivered, Error> {
    message::show(session, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Device;

    #[test]
    fn the_fake_tells_whom_a_test_names() {
        let device = Device::new().listener("3#1", Ok(Delivered::Terminal));
        assert_eq!(device.run(|| show("3#1", "Hello")), Ok(Delivered::Terminal));
        assert_eq!(device.run(|| show("4#2", "Hello")), Err(Error::Denied));
        let told = ["3#1", "4#2"].map(|id| (id.to_owned(), "Hello".to_owned()));
        assert_eq!(device.told(), told);
        assert_eq!(show("3#1", "Hello"), Err(Error::Denied), "on no device");
    }
}
