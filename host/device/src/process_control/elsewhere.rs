//! Where no process can be held, none is touched: an id alone may be another one's by now.

use bailiwick_core::ports::{ControlAnswer, ControlError, ControlOrder};

use super::DeviceProcessControl;

pub(super) async fn control(_: &DeviceProcessControl, _: ControlOrder) -> ControlAnswer {
    let reason = "processes can't be held on this system".to_owned();
    ControlAnswer {
        control: None,
        result: Err(ControlError::Unavailable(reason)),
    }
}
