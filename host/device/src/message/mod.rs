//! Tells users something: by the notification service of their desktop, or on their terminal.

#[cfg(not(target_os = "linux"))]
mod elsewhere;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
mod notification;
#[cfg(target_os = "linux")]
pub(crate) mod teller;
#[cfg(target_os = "linux")]
mod terminal;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use bailiwick_core::{
    policy::Rates,
    ports::{BoxFuture, Clock, Delivered, Message, MessageError, MessageOrder},
};

#[cfg(not(target_os = "linux"))]
use elsewhere as linux;

use crate::Privileged;

/// Tells users of this machine, and counts what each plugin said in the last minute.
pub struct DeviceMessage {
    clock: Arc<dyn Clock>,
    rates: Mutex<Rates>,
    /// Where users have their buses, and where terminals are.
    places: (PathBuf, PathBuf),
    /// Starts who tells them; none where this process may do so itself.
    privileged: Option<Arc<Privileged>>,
}

impl DeviceMessage {
    /// One that has said nothing.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            rates: Mutex::default(),
            places: ("/run/user".into(), "/dev".into()),
            privileged: None,
        }
    }

    /// The same, where `privileged` starts who may become a user.
    pub fn through(clock: Arc<dyn Clock>, privileged: Arc<Privileged>) -> Self {
        Self {
            privileged: Some(privileged),
            ..Self::new(clock)
        }
    }

    async fn say(&self, order: MessageOrder) -> Result<Delivered, MessageError> {
        if let Some(per_minute) = order.per_minute {
            let mut rates = self.rates.lock().unwrap_or_else(PoisonError::into_inner);
            rates
                .take(&order.plugin, per_minute, self.clock.monotonic())
                .map_err(MessageError::TooOften)?;
        }
        linux::show(&self.places, self.privileged.as_deref(), order).await
    }
}

impl std::fmt::Debug for DeviceMessage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DeviceMessage").finish_non_exhaustive()
    }
}

impl Message for DeviceMessage {
    fn show(&self, order: MessageOrder) -> BoxFuture<'_, Result<Delivered, MessageError>> {
        Box::pin(self.say(order))
    }
}
