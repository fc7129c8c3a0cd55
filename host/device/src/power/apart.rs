//! Power by the privileged process, for whoever reaches logind's bus as root can have root's programs
//! started there: both ends of that, and who asks logind, which that process does not wait for.

use std::{
    cell::Cell, ffi::OsString, io, os::fd::AsFd as _, process::ExitStatus, rc::Rc, time::Duration,
};

use bailiwick_core::{
    digest::Sha256,
    policy::{PowerPast, PowerVerb, Presence},
    ports::{Clock as _, PowerError, PowerOrder},
};

use super::{in_time, linux};
use crate::{
    SystemClock,
    privileged::{LONGEST_ANSWER, Privileged, Request, SignedPolicies, line},
};

/// Longest time for all of it: logind is asked twice, each within ten seconds.
const PATIENCE: Duration = Duration::from_secs(30);

/// How far it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Looks whether it could be done.
    Look,
    /// Has it done.
    Go,
}

/// What is to be done, as it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    /// Digest of the policy that grants it.
    pub(crate) policy: Sha256,
    pub(crate) verb: PowerVerb,
    pub(crate) step: Step,
    /// Least time since the last one in milliseconds, with users as whoever asks found them. What
    /// that policy says is the least.
    pub(crate) pause_ms: u64,
}

impl Step {
    const ALL: [(Self, &str); 2] = [(Self::Look, "look"), (Self::Go, "go")];
}

/// Words with which an answer begins: it can be done, or was accepted; one is under way; not yet,
/// and in how many milliseconds; a program holds a lock, and which; not, and why.
const DONE: u8 = b'+';
const UNDER_WAY: u8 = b'u';
const LATER: u8 = b'l';
const INHIBITED: u8 = b'i';
const NOT: u8 = b'n';

/// How a process ends that found that it can't be done, or that logind refused.
const REFUSED: i32 = 3;

/// Has `privileged` look, or have it done.
pub(super) async fn ask(
    privileged: &Privileged,
    order: PowerOrder,
    step: Step,
) -> Result<(), PowerError> {
    let unsigned = || PowerError::Unavailable("no signed policy grants it".to_owned());
    let request = Request::Power(Order {
        policy: order.policy.ok_or_else(unsigned)?,
        verb: order.verb,
        step,
        pause_ms: millis(order.allowed.pause),
    });
    match tokio::time::timeout(PATIENCE, privileged.hear(&request)).await {
        Ok(Ok((answer, _))) => read(&answer),
        Ok(Err(error)) => Err(PowerError::Unavailable(error.to_string())),
        Err(_) => Err(PowerError::Unavailable("nobody answered".to_owned())),
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// As it is answered.
pub(crate) fn answer(done: &Result<(), PowerError>) -> Vec<u8> {
    let mut answer = match done {
        Ok(()) => vec![DONE],
        Err(PowerError::UnderWay) => vec![UNDER_WAY],
        Err(PowerError::TooSoon(wait)) => [&[LATER][..], &millis(*wait).to_le_bytes()].concat(),
        Err(PowerError::Inhibited(lock)) => [&[INHIBITED], lock.as_bytes()].concat(),
        Err(PowerError::Unavailable(why)) => [&[NOT], why.as_bytes()].concat(),
        Err(error) => [&[NOT], error.to_string().as_bytes()].concat(),
    };
    answer.truncate(LONGEST_ANSWER);
    answer
}

pub(super) fn read(answer: &[u8]) -> Result<(), PowerError> {
    let (word, rest) = answer.split_first().unwrap_or((&NOT, &[]));
    let text = || String::from_utf8_lossy(rest).into_owned();
    Err(match *word {
        DONE => return Ok(()),
        UNDER_WAY => PowerError::UnderWay,
        LATER => {
            let wait = rest.try_into().map(u64::from_le_bytes);
            PowerError::TooSoon(Duration::from_millis(wait.unwrap_or(u64::MAX)))
        }
        INHIBITED => PowerError::Inhibited(text()),
        _ => PowerError::Unavailable(text()),
    })
}

/// What was done last, as the privileged process knows it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Past(Rc<Cell<PowerPast>>);

/// What may be done. That it is begun is noted, so that nobody begins it meanwhile.
#[derive(Clone, Debug)]
pub(crate) struct Begun {
    order: Order,
    past: Past,
    before: PowerPast,
}

impl Past {
    /// Begins what a signed policy grants, if it is time. Who is at the device only whoever asks
    /// knows.
    ///
    /// # Errors
    /// It is not granted, or not yet.
    pub(crate) fn begin(
        &self,
        order: Order,
        signed: &mut dyn SignedPolicies,
        clock: &SystemClock,
    ) -> Result<Begun, PowerError> {
        let policy = signed.handlers_policy(&order.policy);
        let policy = policy.map_err(PowerError::Unavailable)?.power();
        let allowed = policy.allows(order.verb, Presence::Nobody, clock.now());
        let allowed = allowed.map_err(|why| PowerError::Unavailable(why.to_string()))?;
        let pause = allowed.pause.max(Duration::from_millis(order.pause_ms));
        let (before, now) = (self.0.get(), clock.since_boot());
        in_time(&before, order.verb, pause, now)?;
        if order.step == Step::Go {
            let mut past = before;
            past.note(order.verb, now);
            self.0.set(past);
        }
        Ok(Begun {
            order,
            past: self.clone(),
            before,
        })
    }
}

impl Begun {
    /// What the process is told that asks logind.
    pub(crate) fn words(&self) -> [&'static str; 2] {
        let step = Step::ALL
            .into_iter()
            .find(|(step, _)| *step == self.order.step);
        [self.order.verb.name(), step.map_or("", |(_, word)| word)]
    }

    /// That process has ended. One that was killed may have had it done.
    pub(crate) fn ended(&self, status: ExitStatus) {
        if status.code() == Some(REFUSED) {
            self.take_back();
        }
    }

    /// Nothing came of it.
    pub(crate) fn take_back(&self) {
        if self.order.step == Step::Go {
            let mut past = self.past.0.get();
            past.take_back(self.order.verb, &self.before);
            self.past.0.set(past);
        }
    }
}

/// Asks the logind on the bus at `address`, as these [`Begun::words`] say, and answers on standard
/// output. For a process of one thread that nothing else is expected of.
///
/// # Errors
/// What it ends with.
pub(crate) fn serve(address: &str, words: &[OsString]) -> Result<(), i32> {
    let [verb, step] = words else { return Err(2) };
    let verb = PowerVerb::ALL
        .into_iter()
        .find(|known| *verb == *known.name());
    let step = Step::ALL.into_iter().find(|(_, word)| *step == **word);
    let (Some(verb), Some((step, _))) = (verb, step) else {
        return Err(2);
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()
        .map_err(|_| REFUSED)?;
    let done = runtime.block_on(async {
        linux::uninhibited(address, verb).await?;
        match step {
            Step::Look => Ok(()),
            Step::Go => linux::ask(address, verb).await,
        }
    });
    // Whoever asked may be gone.
    let _ = line::send(io::stdout().as_fd(), &answer(&done), &[]);
    done.map_err(|_| REFUSED)
}
