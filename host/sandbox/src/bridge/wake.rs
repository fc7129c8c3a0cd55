//! `wake`: proves that what is sent is a magic packet that the policy allows.

use bailiwick_core::{
    policy::{Call, Capability, WakeAllowed, WakeRefusal, magic},
    ports::{WakeCarrier, WakeError},
};

use super::decisions::cut;
use crate::{
    bindings::bailiwick::plugin::wake::{Carrier, Error, Host},
    context::Context,
    limits::Enforcer,
};

impl Host for Context {
    async fn send(
        &mut self,
        link: String,
        by: Carrier,
        payload: Vec<u8>,
    ) -> wasmtime::Result<Result<(), Error>> {
        let entered = self.enter(Capability::Wake)?;
        let answer = if entered.granted {
            self.send_granted(&link, by, &payload).await
        } else {
            Err(Error::Denied)
        };
        if entered.granted && matches!(answer, Err(Error::Denied)) {
            self.account.denials += 1;
        }
        // What wakes nobody is no call that a policy knows.
        if let Ok(mac) = magic(&payload) {
            let call = Call::Wake {
                mac,
                link: cut(&link),
                is_virtual: false,
            };
            match &answer {
                Ok(()) => self.acted(call, None, None),
                Err(Error::Denied) => self.refused(call),
                Err(error) => self.acted(call, Some(not_sent(error)), None),
            }
        }
        self.leave(&entered);
        Ok(answer)
    }
}

impl Context {
    fn allowed(&self, link: &str, payload: &[u8]) -> Result<WakeAllowed, Error> {
        if !self.account.enforces(Enforcer::MagicPackets) {
            return Ok(WakeAllowed {
                mac: [0; 6],
                link_is_named: true,
                per_minute: u16::MAX,
            });
        }
        let now = self.ports.clock.now();
        let allowed = self.wake.allows(payload, link, now);
        allowed.map_err(|refusal| match refusal {
            WakeRefusal::NotMagic(reason) => Error::NotMagic(reason.to_owned()),
            WakeRefusal::Denied(_) => Error::Denied,
        })
    }

    async fn send_granted(&mut self, link: &str, by: Carrier, payload: &[u8]) -> Result<(), Error> {
        let by = carrier(by)?;
        let allowed = self.allowed(link, payload)?;
        let policy = self.ports.decisions.policy();
        let wake = &self.ports.wake;
        let sent = wake.send(&self.plugin, policy, allowed, link, by, payload);
        sent.await.map_err(|error| match error {
            WakeError::Virtual => Error::Denied,
            WakeError::TooOften(wait) => {
                Error::TooOften(u32::try_from(wait.as_millis()).unwrap_or(u32::MAX))
            }
            WakeError::Address(_) => Error::NotMagic(error.to_string()),
            WakeError::Link(reason) => Error::Link(reason),
            WakeError::Unavailable(reason) => Error::Unavailable(reason),
            error => Error::Unavailable(error.to_string()),
        })
    }
}

fn not_sent(error: &Error) -> String {
    match error {
        Error::TooOften(wait) => format!("the rate is used up for {wait} ms"),
        Error::NotMagic(reason) | Error::Link(reason) | Error::Unavailable(reason) => {
            reason.clone()
        }
        Error::Denied => "denied".to_owned(),
    }
}

fn carrier(by: Carrier) -> Result<WakeCarrier, Error> {
    let checked = |port| match port {
        7 | 9 => Ok(port),
        _ => Err(Error::NotMagic(format!(
            "the port is {port}, and not 9 or 7"
        ))),
    };
    Ok(match by {
        Carrier::Limited(port) => WakeCarrier::Limited {
            port: checked(port)?,
        },
        Carrier::Directed(to) => WakeCarrier::Directed {
            port: checked(to.port)?,
            address: to
                .address
                .parse()
                .map_err(|_| Error::NotMagic("the address is none of IPv4".to_owned()))?,
        },
        Carrier::Ethernet => WakeCarrier::Ethernet,
    })
}
