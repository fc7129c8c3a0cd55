//! `process-control`: what is asked for and under which grants; the port looks, judges and acts.

use std::{sync::Arc, time::Duration};

use bailiwick_core::{
    policy::{Call, Capability, Control, ControlVerb, Found},
    ports::{ControlAnswer, ControlError, ControlOrder, Controlled},
    session::SessionId,
    time::Timestamp,
};

use crate::{
    bindings::action_handler::bailiwick::plugin::process_control::{Ending, Error, Host, Process},
    context::Context,
};

/// As the contract says.
const LONGEST_GRACE: Duration = Duration::from_secs(60);

impl Host for Context {
    async fn end(
        &mut self,
        process: Process,
        grace_ms: u32,
    ) -> wasmtime::Result<Result<Ending, Error>> {
        let grace = Duration::from_millis(u64::from(grace_ms)).min(LONGEST_GRACE);
        let answer = self.control(ControlVerb::End, process, grace).await?;
        Ok(answer.map(|controlled| match controlled {
            Controlled::Killed => Ending::Killed,
            Controlled::Ended | Controlled::Signalled => Ending::ByItself,
        }))
    }

    async fn suspend(&mut self, process: Process) -> wasmtime::Result<Result<(), Error>> {
        let answer = self.control(ControlVerb::Suspend, process, Duration::ZERO);
        Ok(answer.await?.map(drop))
    }

    async fn resume(&mut self, process: Process) -> wasmtime::Result<Result<(), Error>> {
        let answer = self.control(ControlVerb::Resume, process, Duration::ZERO);
        Ok(answer.await?.map(drop))
    }
}

impl Context {
    async fn control(
        &mut self,
        verb: ControlVerb,
        process: Process,
        grace: Duration,
    ) -> wasmtime::Result<Result<Controlled, Error>> {
        let entered = self.enter(Capability::ProcessControl)?;
        let session = process.session.clone();
        let answer = match entered.granted {
            true => self.control_granted(verb, process, grace).await,
            false => Answer::NotThere,
        };
        self.note_control(verb, &answer, session.as_deref());
        let answer = match answer {
            Answer::NotThere => Err(Error::Denied),
            Answer::CalledOff => Err(Error::Cancelled),
            Answer::Told(answer) => answer.result.map_err(error),
        };
        if entered.granted && matches!(answer, Err(Error::Denied)) {
            self.account.denials += 1;
        }
        self.leave(&entered);
        Ok(answer)
    }

    async fn control_granted(
        &mut self,
        verb: ControlVerb,
        process: Process,
        grace: Duration,
    ) -> Answer {
        let open = self.ports.sessions.open();
        let session = match process.session.map(|id| id.parse::<SessionId>()) {
            None => None,
            Some(Ok(id)) if open.iter().any(|session| session.id == id) => Some(id),
            Some(_) => return Answer::NotThere,
        };
        let order = ControlOrder {
            plugin: self.plugin.clone(),
            verb,
            pid: process.id,
            started: Timestamp::from_ms(process.started),
            session,
            open,
            grace,
            grants: Arc::clone(&self.process_control),
            policy: self.ports.decisions.policy(),
            now: self.ports.clock.now(),
        };
        tokio::select! {
            biased;
            () = self.called_off() => Answer::CalledOff,
            answer = self.ports.process_control.control(order) => Answer::Told(answer),
        }
    }

    fn note_control(&self, verb: ControlVerb, answer: &Answer, session: Option<&str>) {
        // What was not found has no name that a policy knows.
        let unknown = || Control {
            verb,
            executable: String::new(),
            found: Found::Service,
        };
        match answer {
            Answer::NotThere => self.refused(Call::Control(unknown())),
            Answer::CalledOff => {
                let failed = Some("called off".to_owned());
                self.acted(Call::Control(unknown()), failed, session);
            }
            Answer::Told(ControlAnswer { control, result }) => {
                let call = Call::Control(control.clone().unwrap_or_else(unknown));
                match result {
                    Ok(_) => self.acted(call, None, session),
                    Err(refusal) if is_refusal(refusal) => self.refused(call),
                    Err(failure) => self.acted(call, Some(failure.to_string()), session),
                }
            }
        }
    }
}

/// What came of a call.
enum Answer {
    NotThere,
    CalledOff,
    Told(ControlAnswer),
}

/// Whether it is told as `denied`: whether there is such a process is nobody's business whom no
/// grant covers it.
const fn is_refusal(error: &ControlError) -> bool {
    matches!(
        error,
        ControlError::Denied(_) | ControlError::NotThere | ControlError::Untouchable(_)
    )
}

fn error(error: ControlError) -> Error {
    match error {
        refusal if is_refusal(&refusal) => Error::Denied,
        ControlError::TooOften(wait) => {
            Error::TooOften(u32::try_from(wait.as_millis()).unwrap_or(u32::MAX))
        }
        ControlError::StillThere => Error::StillThere,
        ControlError::Unavailable(reason) => Error::Unavailable(reason),
        other => Error::Unavailable(other.to_string()),
    }
}
