//! Actions of operators, without one of which no handler's policy grants anything: both ends of
//! what is told of them.

use std::{
    collections::BTreeMap,
    fs::File,
    os::{
        fd::{AsFd as _, OwnedFd},
        unix::net::UnixStream,
    },
    sync::Arc,
};

use bailiwick_core::{
    action::{ActionId, Envelope},
    digest::Sha256,
    ids::{DeviceId, PluginName},
    policy::Policy,
    ports::Clock as _,
    time::Monotonic,
};
use tokio::task::spawn_blocking;

use super::{
    Privileged, Request, ordered,
    signed::{SignedActions, SignedPolicies},
    tell,
};
use crate::{SystemClock, exec::keeper::memory};

/// Words with which an answer begins: it is at work now; it is not, and why.
const BEGUN: u8 = b'+';
const NOT: u8 = b'n';

/// An action that the privileged process takes to be at work, until this is dropped.
#[derive(Debug)]
pub struct AtWork {
    privileged: Arc<Privileged>,
    action: ActionId,
}

impl Privileged {
    /// Which device this is. It counts when it is told first, which is before any guest runs:
    /// what comes later is not heard.
    pub fn is_on(&self, device: &DeviceId) {
        // Who does not hear it takes no action for its own, and says so.
        let _ = self.send(&Request::Device(*device), &[]);
    }

    /// Has an action begin: what its handler's policy grants is done as long as it is at work,
    /// and no longer than that policy lets a call take.
    ///
    /// # Errors
    /// It may not, and why; or there is nobody who would say.
    pub async fn begin(self: Arc<Self>, envelope: Envelope) -> Result<AtWork, String> {
        // Where nobody waits for it any more it ends with what is given here.
        let begun = spawn_blocking(move || self.begun(&envelope));
        begun.await.unwrap_or_else(|lost| Err(lost.to_string()))
    }

    fn begun(self: Arc<Self>, envelope: &Envelope) -> Result<AtWork, String> {
        let asked = memory("action", &envelope.to_bytes())
            .and_then(|file| self.ask(&Request::Action, Some(file.as_fd())));
        let answer = asked.map_err(|error| error.to_string())?;
        match answer.split_first() {
            Some((&BEGUN, _)) => Ok(AtWork {
                privileged: self,
                action: envelope.id(),
            }),
            _ => Err(String::from_utf8_lossy(answer.get(1..).unwrap_or_default()).into_owned()),
        }
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        // Where that is not heard, its time ends it.
        let _ = self.privileged.send(&Request::Ended(self.action), &[]);
    }
}

/// What the privileged process believes, and what is at work by that.
pub(super) struct Live {
    signed: Box<dyn SignedActions>,
    clock: SystemClock,
    device: Option<DeviceId>,
    /// A handler does one thing at a time: what begins ends what was before.
    at_work: BTreeMap<PluginName, (ActionId, Monotonic)>,
}

impl Live {
    pub(super) fn new(signed: Box<dyn SignedActions>, clock: SystemClock) -> Self {
        Self {
            signed,
            clock,
            device: None,
            at_work: BTreeMap::new(),
        }
    }

    /// The first word counts.
    pub(super) fn is_on(&mut self, device: DeviceId) {
        self.device.get_or_insert(device);
    }

    /// Takes an action to be at work, if it is what an operator asks, and says whether it is.
    pub(super) fn answer(&mut self, envelope: Option<OwnedFd>, to: UnixStream) {
        let Some(envelope) = envelope else { return };
        let answer = match self.begin(envelope.into()) {
            Ok(()) => vec![BEGUN],
            Err(reason) => [&[NOT][..], reason.as_bytes()].concat(),
        };
        tell(to, &answer);
    }

    fn begin(&mut self, envelope: File) -> Result<(), String> {
        let device = self.device.ok_or("nobody told which device this is")?;
        let bytes = ordered::read(envelope).map_err(|error| error.to_string())?;
        let envelope = Envelope::parse(&bytes).map_err(|error| error.to_string())?;
        let request = self.signed.action(&envelope, &device, self.clock.now())?;
        let began = (request.id, self.clock.monotonic());
        self.at_work.insert(request.handler, began);
        Ok(())
    }

    pub(super) fn ended(&mut self, action: ActionId) {
        self.at_work.retain(|_, (at_work, _)| *at_work != action);
    }
}

/// No policy of a handler is one that counts while nobody asks for anything.
impl SignedPolicies for Live {
    fn policy(&mut self, digest: &Sha256) -> Result<&Policy, String> {
        let policy = self.signed.policy(digest)?;
        let now = self.clock.monotonic();
        let lasts = policy.limits.deadline.get();
        let at_work = self.at_work.get(&policy.plugin);
        if policy.is_of_a_handler() && at_work.is_none_or(|(_, began)| now.since(*began) > lasts) {
            return Err(format!(
                "no action that an operator signed for {} is at work",
                policy.plugin
            ));
        }
        Ok(policy)
    }

    fn look_again(&mut self) {
        self.signed.look_again();
    }
}

#[cfg(test)]
mod tests {
    use bailiwick_core::{action::Request as Asked, time::Timestamp};

    use super::{super::asking, *};

    /// Believes one policy, and every action.
    struct One(Policy);

    impl SignedPolicies for One {
        fn policy(&mut self, _: &Sha256) -> Result<&Policy, String> {
            Ok(&self.0)
        }

        fn look_again(&mut self) {}
    }

    impl SignedActions for One {
        fn action(
            &mut self,
            envelope: &Envelope,
            _: &DeviceId,
            _: Timestamp,
        ) -> Result<Asked, String> {
            let document = envelope.document();
            Ok(Asked {
                id: document.id,
                handler: document.handler.clone(),
                arguments: String::new(),
                expires: document.expires,
            })
        }
    }

    fn live(lasts: &str) -> Live {
        let text = include_str!("../../../core/fixtures/policy.toml")
            .replace("[schedule]\nevery = \"1 h\"\njitter = \"10 min\"\n", "")
            .replace("deadline = \"10 s\"", &format!("deadline = \"{lasts}\""));
        let policy = Policy::parse("policy", &text).unwrap();
        let mut live = Live::new(Box::new(One(policy)), SystemClock::new());
        live.is_on(DeviceId::from_bytes([1; 16]));
        live
    }

    fn begin(live: &mut Live, number: u8) -> ActionId {
        let folder = tempfile::tempdir().unwrap();
        let envelope = asking::ask("inventory", number, folder.path()).unwrap();
        let file = memory("action", &envelope.to_bytes()).unwrap();
        live.begin(file).unwrap();
        envelope.id()
    }

    fn grants(live: &mut Live) -> bool {
        live.policy(&Sha256::of(b"any")).is_ok()
    }

    #[test]
    fn an_action_lasts_no_longer_than_a_call() {
        let mut live = live("1 ms");
        begin(&mut live, 1);
        // Whoever broke out does not say that it has ended.
        let began = std::time::Instant::now();
        while grants(&mut live) {
            assert!(began.elapsed().as_secs() < 30);
        }
    }

    #[test]
    fn a_handler_does_one_thing_at_a_time() {
        let mut live = live("30 s");
        assert!(!grants(&mut live));
        let first = begin(&mut live, 1);
        let second = begin(&mut live, 2);
        live.ended(first);
        assert!(grants(&mut live));
        live.ended(second);
        assert!(!grants(&mut live));
    }

    #[test]
    fn what_is_no_envelope_begins_nothing() {
        let mut live = live("30 s");
        for bytes in [&b""[..], b"0\n{}", &[b'0'; 200_000]] {
            live.begin(memory("action", bytes).unwrap()).unwrap_err();
        }
        assert!(!grants(&mut live));
    }
}
