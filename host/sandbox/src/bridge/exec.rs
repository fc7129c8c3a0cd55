//! `exec`: the policy decides, the port runs, and being called off ends it.

use std::time::Duration;

use bailiwick_core::{
    bytes::ByteCount,
    policy::{Asked, Capability, RunRefusal},
    ports::{ExecEnded, ExecError, ExecOrder, ExecRan},
};

use super::list_cost;
use crate::{
    bindings::bailiwick::plugin::exec::{Ended, Error, Host, Outcome, Request},
    context::Context,
};

impl Host for Context {
    async fn run(&mut self, request: Request) -> wasmtime::Result<Result<Outcome, Error>> {
        let entered = self.enter(Capability::Exec)?;
        let answer = if entered.granted {
            self.run_granted(request).await
        } else {
            Err(Error::Denied)
        };
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
        let called_off = self.action.as_ref().map(|action| action.cancelled());
        let called_off = async {
            match called_off {
                Some(called_off) => called_off.await,
                // Nobody can call off what is no action.
                None => std::future::pending().await,
            }
        };
        let ran = tokio::select! {
            biased;
            // Dropping the run ends the program and all that it started.
            () = called_off => return Err(Error::Cancelled),
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
        })
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
