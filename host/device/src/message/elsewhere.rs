//! Where users are told in other ways than on Linux, nobody is told.

use std::path::PathBuf;

use bailiwick_core::ports::{Delivered, MessageError, MessageOrder};

use crate::Privileged;

pub(super) async fn show(
    _: &(PathBuf, PathBuf),
    _: Option<&Privileged>,
    _: MessageOrder,
) -> Result<Delivered, MessageError> {
    let reason = "neither a notification service nor terminals are known on this system";
    Err(MessageError::Unavailable(reason.to_owned()))
}
