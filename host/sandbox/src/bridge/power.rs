//! `power`: looked at, announced, waited for, looked at again, asked for: in this order.

use std::time::Duration;

use bailiwick_core::{
    ids::PluginName,
    notice::Notice,
    policy::{Call, Capability, PowerAllowed, PowerRefusal, PowerVerb, Presence},
    ports::{MessageOrder, PowerError, PowerOrder},
    session::SessionKind,
    time::Span,
};

use crate::{
    bindings::action_handler::bailiwick::plugin::power::{Error, Host, Verb},
    context::{Context, Ports},
};

/// Who warns users.
const FROM: &str = "Administration of this device";

impl Host for Context {
    async fn ask(&mut self, verb: Verb) -> wasmtime::Result<Result<(), Error>> {
        let entered = self.enter(Capability::Power)?;
        let verb = match verb {
            Verb::Lock => PowerVerb::Lock,
            Verb::Suspend => PowerVerb::Suspend,
            Verb::Hibernate => PowerVerb::Hibernate,
            Verb::Reboot => PowerVerb::Reboot,
            Verb::PowerOff => PowerVerb::PowerOff,
        };
        let answer = match entered.granted {
            true => self.ask_granted(verb).await,
            false => Err(Error::Denied),
        };
        let users = self.presence();
        let call = Call::Power { verb, users };
        match &answer {
            Ok(()) => self.acted(call, None, None),
            Err(Error::Denied | Error::InUse) => self.refused(call),
            Err(error) => self.acted(call, Some(not_done(error)), None),
        }
        if entered.granted && matches!(answer, Err(Error::Denied | Error::InUse)) {
            self.account.denials += 1;
        }
        self.leave(&entered);
        Ok(answer)
    }
}

impl Context {
    fn presence(&self) -> Presence {
        Presence::of(&self.ports.sessions.open(), self.ports.clock.now())
    }

    fn power_allowed(&self, verb: PowerVerb) -> Result<PowerAllowed, Error> {
        let now = self.ports.clock.now();
        let allowed = self.power.allows(verb, self.presence(), now);
        allowed.map_err(|refusal| match refusal {
            PowerRefusal::Denied(_) => Error::Denied,
            PowerRefusal::InUse => Error::InUse,
        })
    }

    async fn ask_granted(&mut self, verb: PowerVerb) -> Result<(), Error> {
        let allowed = self.power_allowed(verb)?;
        let order = PowerOrder {
            verb,
            allowed,
            policy: self.ports.decisions.policy(),
        };
        let ready = self.ports.power.ready(order).await;
        ready.map_err(error)?;
        if allowed.warn_for > Duration::ZERO {
            tokio::select! {
                biased;
                () = self.called_off() => return Err(Error::Cancelled),
                () = warn(&self.ports, &self.plugin, verb, allowed.warn_for) => {}
            }
            // Somebody may have come meanwhile, or the grant have ended.
            self.power_allowed(verb)?;
        }
        self.ports.power.go(order).await.map_err(error)
    }
}

/// Tells each user who can be told, and waits. Who can't be told is not warned: nothing else is to
/// be done for them.
async fn warn(ports: &Ports, plugin: &PluginName, verb: PowerVerb, span: Duration) {
    let over = tokio::time::sleep(span);
    let text = format!(
        "This device {} in {}. Save your work.",
        verb.in_words(),
        Span::new(span)
    );
    let tell = async {
        for session in ports.sessions.open().iter() {
            let kind = session.facts.kind.as_ref().map(|told| told.value);
            if let Some(SessionKind::Service | SessionKind::Background) = kind {
                continue;
            }
            let Ok(notice) = Notice::new(&text) else {
                continue;
            };
            let order = MessageOrder {
                plugin: plugin.clone(),
                session: session.clone(),
                from: FROM.to_owned(),
                notice,
                per_minute: None,
            };
            let _ = ports.message.show(order).await;
        }
    };
    tokio::pin!(over);
    tokio::select! {
        () = &mut over => {}
        () = tell => over.await,
    }
}

fn error(error: PowerError) -> Error {
    match error {
        PowerError::UnderWay => Error::UnderWay,
        PowerError::TooSoon(wait) => {
            Error::TooSoon(u32::try_from(wait.as_millis()).unwrap_or(u32::MAX))
        }
        PowerError::Inhibited(reason) => Error::Inhibited(reason),
        PowerError::Unavailable(reason) => Error::Unavailable(reason),
        other => Error::Unavailable(other.to_string()),
    }
}

fn not_done(error: &Error) -> String {
    match error {
        Error::Denied | Error::InUse => "denied".to_owned(),
        Error::Inhibited(reason) => format!("held up: {reason}"),
        Error::UnderWay => "one is under way".to_owned(),
        Error::TooSoon(_) => "too soon".to_owned(),
        Error::Cancelled => "called off".to_owned(),
        Error::Unavailable(reason) => format!("unavailable: {reason}"),
    }
}
