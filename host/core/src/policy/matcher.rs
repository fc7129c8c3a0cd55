//! The one matcher: what decides about every call, for enforcement, `explain`, comparison and
//! cases alike. A bridge asks the part of its own capability; here they stand together.

use std::net::IpAddr;

use super::{
    Access, Asked, Call, Capability, Denial, Effect, Exec, Fields, Files, Http, Link, Look,
    Message, Of, Permit, Policy, Power, PowerRefusal, ProcessControl, Processes, Run, RunRefusal,
    Scope, Sensitive, Sessions, Wake, WakeRefusal, files::beneath, packet_for,
};
use crate::{
    http::Special,
    session::{Owner, SessionId},
    time::Timestamp,
};

/// The matchers of one policy.
#[derive(Debug)]
pub struct Matcher<'a> {
    pub(super) policy: &'a Policy,
    pub(super) files: Files,
    processes: Processes,
    sessions: Sessions,
    exec: Exec,
    wake: Wake,
    process_control: ProcessControl,
    http: Http,
    pub(super) watch: Files,
    message: Message,
    power: Power,
}

/// Why a call is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The capability was never granted.
    #[error("`{0}` was never granted: a plugin that imports it is not started")]
    Absent(Capability),
    /// By a rule that has its place.
    #[error("{0}")]
    Denied(Denial),
    /// What is granted is something else.
    #[error("{0}")]
    OutOfScope(String),
}

impl From<Denial> for Refusal {
    fn from(denial: Denial) -> Self {
        Self::Denied(denial)
    }
}

fn unreached(ip: IpAddr, special: Special) -> String {
    format!(
        "{ip} is {}, and no grant in force names its network",
        special.in_words()
    )
}

impl Policy {
    /// All its matchers.
    pub fn matcher(&self) -> Matcher<'_> {
        Matcher {
            policy: self,
            files: self.files(),
            processes: self.processes(),
            sessions: self.sessions(),
            exec: self.exec(),
            wake: self.wake(),
            process_control: self.process_control(),
            http: self.http(),
            watch: self.watch(),
            message: self.message(),
            power: self.power(),
        }
    }
}

impl Matcher<'_> {
    /// Whether a plugin that runs under this policy may do `call` at `now`, and how.
    ///
    /// # Errors
    /// Why not.
    pub fn permits(&self, call: &Call, now: Timestamp) -> Result<Permit, Refusal> {
        match self.policy.access(call.capability(), now) {
            Access::Linked => {}
            Access::Denied(denial) => return Err(denial.into()),
            Access::Absent => return Err(Refusal::Absent(call.capability())),
        }
        match call {
            Call::Whole(_) => Ok(Permit::Whole),
            Call::File { path, link } => self.file(path, link.as_ref(), now),
            Call::Processes(look) => self.processes(*look, now),
            Call::Sessions(look) => self.sessions(*look, now),
            Call::Facts { of, fields } => {
                let given = self.policy.facts(*of).fields(now)?;
                self.seen(*of, *fields, Some(given))
            }
            Call::Run(run) => self.run(run, now),
            Call::Message { user } => Ok(Permit::Message(self.message.allows(user, now)?)),
            Call::Power { verb, users } => match self.power.allows(*verb, *users, now) {
                Ok(allowed) => Ok(Permit::Power(allowed)),
                Err(PowerRefusal::Denied(denial)) => Err(denial.into()),
                Err(refusal @ PowerRefusal::InUse) => Err(Refusal::OutOfScope(refusal.to_string())),
            },
            Call::Control(control) => {
                let allowed = self.process_control.allows(control, now)?;
                Ok(Permit::Control(allowed))
            }
            Call::Watch { path } => {
                self.watch.file(path, now)?;
                Ok(Permit::Whole)
            }
            Call::Request {
                method,
                target,
                address,
            } => {
                let allowed = self.http.allows(*method, target, now)?;
                if let Some(ip) = address.or(target.origin().ip()) {
                    allowed
                        .reaches(ip)
                        .map_err(|special| Refusal::OutOfScope(unreached(ip, special)))?;
                }
                Ok(Permit::Request(allowed))
            }
            Call::Wake {
                mac,
                link,
                is_virtual,
            } => {
                let allowed = self.wake.allows(&packet_for(*mac), link, now);
                let allowed = allowed.map_err(|refusal| match refusal {
                    WakeRefusal::Denied(denial) => denial.into(),
                    WakeRefusal::NotMagic(reason) => Refusal::OutOfScope(reason.to_owned()),
                })?;
                if *is_virtual && !allowed.link_is_named {
                    let reason = "a virtual link is used only where a grant names it";
                    return Err(Refusal::OutOfScope(reason.to_owned()));
                }
                Ok(Permit::Wake(allowed))
            }
        }
    }

    fn file(&self, path: &str, link: Option<&Link>, now: Timestamp) -> Result<Permit, Refusal> {
        let (root, _) = self.files.file(path, now)?;
        if let Some(link) = link {
            if beneath(root, &link.to).is_none() {
                return Err(Refusal::OutOfScope(format!(
                    "{} is not beneath {root}, and no link leads out of the granted root",
                    link.to
                )));
            }
            self.files.leads_to(&link.to, link.made, now)?;
        }
        let root = root.to_owned();
        Ok(Permit::File { root })
    }

    fn processes(&self, look: Look, now: Timestamp) -> Result<Permit, Refusal> {
        let (own, other) = (SessionId::new("1", 1), SessionId::new("2", 2));
        let view = self.processes.view(Some(&own), now)?;
        let seen = view.fields(match look.at {
            Of::OwnSession => Owner::Session(&own),
            Of::OtherSession => Owner::Session(&other),
            Of::System => Owner::System,
        });
        self.seen(Capability::Processes, look.fields, seen)
    }

    fn sessions(&self, look: Look, now: Timestamp) -> Result<Permit, Refusal> {
        let (own, other) = (SessionId::new("1", 1), SessionId::new("2", 2));
        let view = self.sessions.view(Some(&own), now)?;
        let seen = match look.at {
            Of::OwnSession => view.fields(&own),
            Of::OtherSession => view.fields(&other),
            Of::System => None,
        };
        self.seen(Capability::Sessions, look.fields, seen)
    }

    /// Whether `seen` has what was looked for.
    fn seen(
        &self,
        capability: Capability,
        asked: Fields,
        seen: Option<Fields>,
    ) -> Result<Permit, Refusal> {
        let Some(seen) = seen else {
            let reason = "no grant in force covers those of others than the own session";
            return Err(Refusal::OutOfScope(reason.to_owned()));
        };
        let missing = Sensitive::ALL
            .into_iter()
            .find(|field| asked.of(*field) > seen.of(*field));
        let Some(missing) = missing else {
            return Ok(Permit::Seen(seen));
        };
        let denied = self.policy.grants_of(capability).find(|grant| {
            let of = matches!(grant.scope, Scope::Seen(seen) if seen.fields.has(missing));
            grant.effect == Effect::Deny && of
        });
        Err(match denied {
            Some(grant) => Denial::Denied { by: grant.source }.into(),
            None if seen.has(missing) => Refusal::OutOfScope(format!(
                "the grants in force give the field `{}` of them {}, and no more",
                missing.name(),
                seen.of(missing)
            )),
            None => Refusal::OutOfScope(format!(
                "no grant in force names the field `{}` of them",
                missing.name()
            )),
        })
    }

    fn run(&self, run: &Run, now: Timestamp) -> Result<Permit, Refusal> {
        let asked = Asked {
            program: &run.program,
            arguments: &run.arguments,
            environment: &run.environment,
            input: run.input,
            session: run.session,
        };
        match self.exec.allows(&asked, now) {
            Ok(program) => Ok(Permit::Run(Box::new(program.clone()))),
            Err(RunRefusal::Denied(denial)) => Err(denial.into()),
            Err(RunRefusal::NotOfTheGrant(reason)) => Err(Refusal::OutOfScope(reason)),
        }
    }
}
