//! `exec`: the policy decides, the port runs, and being called off ends it.

use std::time::Duration;

use bailiwick_core::{
    bytes::ByteCount,
    policy::{Asked, Call, Capability, Run, RunRefusal},
    ports::{ExecEnded, ExecError, ExecOrder, ExecRan},
};

use super::{decisions::cut, list_cost};
use crate::{
    bindings::bailiwick::plugin::exec::{Ended, Error, Host, Outcome, Request},
    context::Context,
    limits::Enforcer,
};

/// Arguments and variables that a decision names: more than any grant takes.
const MOST: usize = 128;

impl Host for Context {
    async fn run(&mut self, request: Request) -> wasmtime::Result<Result<Outcome, Error>> {
        let entered = self.enter(Capability::Exec)?;
        let (call, session) = (call(&request), request.session.clone());
        let answer = if entered.granted {
            self.run_granted(request).await
        } else {
            Err(Error::Denied)
        };
        match &answer {
            Ok(outcome) => self.acted(call, failure(&outcome.ended), session.as_deref()),
            Err(Error::Denied | Error::NotOfTheGrant(_)) => self.refused(call),
            Err(error) => self.acted(call, Some(not_run(error)), session.as_deref()),
        }
        match &answer {
            Ok(outcome) => self
                .account
                .pass(list_cost(2, outcome.output.len() + outcome.errors.len()))?,
            Err(Error::Denied) if entered.granted => self.account.denials += 1,
            Err(_) => {}
        }
        self.leave(&entered);
        Ok(answer)
    }
}

impl Context {
    async fn run_granted(&mut self, request: Request) -> Result<Outcome, Error> {
        let order = self.order(request)?;
        let ran = tokio::select! {
            biased;
            // Dropping the run ends the program and all that it started.
            () = self.called_off() => return Err(Error::Cancelled),
            ran = self.ports.exec.run(order) => ran,
        };
        ran.map(outcome).map_err(|error| match error {
            ExecError::NotStarted(reason) => Error::NotStarted(reason),
            _ => Error::Unavailable,
        })
    }

    /// What is run, if the policy allows it.
    fn order(&self, request: Request) -> Result<ExecOrder, Error> {
        let asked = Asked {
            program: &request.program,
            arguments: &request.arguments,
            environment: &request.environment,
            input: ByteCount::new(request.input.len() as u64),
            session: request.session.is_some(),
        };
        let allowed = self.exec.allows(&asked, self.ports.clock.now());
        let mut program = allowed
            .map_err(|refusal| match refusal {
                RunRefusal::Denied(_) => Error::Denied,
                RunRefusal::NotOfTheGrant(reason) => Error::NotOfTheGrant(reason),
            })?
            .clone();
        let session = request.session.as_deref();
        if self.is_anothers(session) {
            let reason = "an instance that runs for a session can name no other";
            return Err(Error::NotOfTheGrant(reason.to_owned()));
        }
        let session_user = session
            .map(|session| self.user_of(session))
            .transpose()
            .map_err(Error::NotStarted)?;
        // Both outputs pass to the guest, which then holds them as well.
        let room = ByteCount::new(self.account.memory_left() / 4);
        program.output_limit = program.output_limit.min(room);
        let asked = match request.timeout_ms {
            0 => Duration::MAX,
            ms => Duration::from_millis(u64::from(ms)),
        };
        Ok(ExecOrder {
            time_limit: program.time_limit.min(asked),
            environment: program
                .environment
                .iter()
                .filter(|(name, _)| request.environment.contains(name))
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
            program,
            arguments: request.arguments,
            input: request.input,
            session_user,
            policy: self.ports.decisions.policy(),
        })
    }

    /// Whether it is a session for which this instance does not run, though it runs for one: what
    /// a program can read as that session's user is not this one's.
    fn is_anothers(&self, session: Option<&str>) -> bool {
        let own = self.ports.session.as_ref().map(ToString::to_string);
        self.account.enforces(Enforcer::OwnSession)
            && matches!((own, session), (Some(own), Some(named)) if own != named)
    }

    /// Whose session this is, of those that are open now. No other session ever has its id.
    fn user_of(&self, session: &str) -> Result<u32, String> {
        let open = self.ports.sessions.open();
        let found = open.iter().find(|open| open.id.to_string() == session);
        let uid = found
            .ok_or_else(|| format!("no session `{session}` is open on this device"))?
            .facts
            .uid;
        if uid == 0 {
            return Err(format!(
                "the session `{session}` is root's: a program runs as root only where its grant says so"
            ));
        }
        Ok(uid)
    }
}

/// What is asked for, in the policy's terms.
fn call(request: &Request) -> Call {
    let cut_all = |texts: &[String]| texts.iter().take(MOST).map(|text| cut(text)).collect();
    Call::Run(Run {
        program: cut(&request.program),
        arguments: cut_all(&request.arguments),
        environment: cut_all(&request.environment),
        input: ByteCount::new(request.input.len() as u64),
        session: request.session.is_some(),
    })
}

/// Why a program that ran did not end well.
fn failure(ended: &Ended) -> Option<String> {
    match ended {
        Ended::Exited(0) => None,
        Ended::Exited(status) => Some(format!("it ended with {status}")),
        Ended::Signal(signal) => Some(format!("signal {signal} ended it")),
        Ended::TimedOut => Some("its time was over".to_owned()),
    }
}

/// Why a program did not run, or not to its end.
fn not_run(error: &Error) -> String {
    match error {
        Error::NotStarted(reason) => format!("not started: {reason}"),
        Error::Cancelled => "called off".to_owned(),
        Error::Denied | Error::NotOfTheGrant(_) | Error::Unavailable => "unavailable".to_owned(),
    }
}

fn outcome(ran: ExecRan) -> Outcome {
    let ms = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    Outcome {
        ended: match ran.ended {
            ExecEnded::Exited(status) => Ended::Exited(status),
            ExecEnded::Signal(signal) => Ended::Signal(signal),
            ExecEnded::TimedOut => Ended::TimedOut,
        },
        output: ran.output.0,
        output_cut: ran.output.1,
        errors: ran.errors.0,
        errors_cut: ran.errors.1,
        elapsed_ms: ms(ran.elapsed),
        cpu_ms: ms(ran.cpu),
    }
}
