//! What guests meddle with on the device: processes, users, power, and files that change. As
//! every port of these kinds, each looks at what it finds and asks the grants that come along.

use std::{sync::Arc, time::Duration};

use bailiwick_core::{
    ids::PluginName,
    policy::{Control, Files, Found, NotYet},
    ports::{
        BoxFuture, Changes, ControlAnswer, ControlError, ControlOrder, Controlled, Delivered,
        Message, MessageError, MessageOrder, Power, PowerError, PowerOrder, ProcessControl,
        UnavailableError, Watch,
    },
    time::Monotonic,
};

use super::{attack::Defence, outside::Outside};

/// Of them, the one of root.
const ROOTS: u32 = 8;

/// A day after the device was started.
const NOW: Monotonic = Monotonic::from_ns(86_400_000_000_000);

impl Outside {
    /// Counts one more of what goes out of the device.
    pub(super) fn in_time(&self, plugin: &PluginName, per_minute: u16) -> Result<(), Duration> {
        match self.without {
            Some(Defence::Rates) => Ok(()),
            _ => self.rates.lock().unwrap().take(plugin, per_minute, NOW),
        }
    }

    fn control_found(&self, order: &ControlOrder, control: &Control) -> Result<(), ControlError> {
        let allowed = order.grants.allows(control, order.now);
        let allowed = allowed.map_err(ControlError::Denied)?;
        self.in_time(&order.plugin, allowed.per_minute)
            .map_err(ControlError::TooOften)
    }

    fn may(&self, order: PowerOrder) -> Result<(), PowerError> {
        if self.without == Some(Defence::Pauses) {
            return Ok(());
        }
        let past = self.past.lock().unwrap();
        let may = past.may(order.verb, order.allowed.pause, NOW);
        may.map_err(|not_yet| match not_yet {
            NotYet::UnderWay => PowerError::UnderWay,
            NotYet::TooSoon(wait) => PowerError::TooSoon(wait),
        })
    }
}

/// Every id is that of an editor in the first session, but one of root's.
impl ProcessControl for Outside {
    fn control(&self, order: ControlOrder) -> BoxFuture<'_, ControlAnswer> {
        let control = Control {
            verb: order.verb,
            executable: "/usr/bin/editor".to_owned(),
            found: match (order.pid, &order.session) {
                (ROOTS, _) => Found::OfRoot,
                (_, Some(_)) => Found::InNamedSession,
                (_, None) => Found::InOtherSession,
            },
        };
        let result = self.control_found(&order, &control);
        let answer = ControlAnswer {
            result: result.map(|()| Controlled::Ended),
            control: Some(control),
        };
        Box::pin(std::future::ready(answer))
    }
}

impl Message for Outside {
    fn show(&self, order: MessageOrder) -> BoxFuture<'_, Result<Delivered, MessageError>> {
        let shown = match order.per_minute {
            // It is the host that warns.
            None => Ok(()),
            Some(per_minute) => self.in_time(&order.plugin, per_minute),
        };
        let shown = shown.map_err(MessageError::TooOften);
        Box::pin(std::future::ready(shown.map(|()| Delivered::Terminal)))
    }
}

impl Power for Outside {
    fn ready(&self, order: PowerOrder) -> BoxFuture<'_, Result<(), PowerError>> {
        Box::pin(std::future::ready(self.may(order)))
    }

    fn go(&self, order: PowerOrder) -> BoxFuture<'_, Result<(), PowerError>> {
        let gone = self.may(order);
        if gone.is_ok() {
            self.past.lock().unwrap().note(order.verb, NOW);
        }
        Box::pin(std::future::ready(gone))
    }
}

/// Tells what was granted when it began to watch, and something beside it.
impl Watch for Outside {
    fn changes<'a>(
        &'a self,
        _: &'a PluginName,
        _: &'a Arc<Files>,
    ) -> BoxFuture<'a, Result<Changes, UnavailableError>> {
        let changes = Changes {
            paths: ["/etc/hosts", "/etc/shadow"].map(str::to_owned).into(),
            incomplete: false,
        };
        Box::pin(std::future::ready(Ok(changes)))
    }
}
