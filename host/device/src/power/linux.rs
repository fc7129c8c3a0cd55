//! logind's calls that concern the whole machine (org.freedesktop.login1(5)).

use std::time::Duration;

use bailiwick_core::{policy::PowerVerb, ports::PowerError};

use crate::sessions::bus::{self, Bus, BusError, Message, Writer};

const LOGIND: &str = "org.freedesktop.login1";
const PATH: &str = "/org/freedesktop/login1";
const MANAGER: &str = "org.freedesktop.login1.Manager";

/// Longest time for one answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Longest text that is passed on of a program that holds a lock, in characters.
const LONGEST: usize = 200;

pub(super) fn address() -> String {
    bus::address()
}

/// Whether no program holds a lock against it. To root logind itself listens whoever holds one.
pub(super) async fn uninhibited(address: &str, verb: PowerVerb) -> Result<(), PowerError> {
    let what = match verb {
        PowerVerb::Lock => None,
        PowerVerb::Suspend | PowerVerb::Hibernate => Some("sleep"),
        PowerVerb::Reboot | PowerVerb::PowerOff => Some("shutdown"),
    };
    let answer = call(address, "ListInhibitors", None).await?;
    let locks = answer.arguments().array(8, |reader| {
        // What, who, why, mode; then whose.
        let lock = [(); 4].map(|()| reader.string().map(str::to_owned));
        let [what, who, why, mode] = lock;
        let lock = (what?, who?, why?, mode?);
        reader.u32()?;
        reader.u32()?;
        Ok(lock)
    });
    let locks = locks.map_err(|error| PowerError::Unavailable(error.to_string()))?;
    let blocks = |(of, _, _, mode): &&(String, String, String, String)| {
        mode.starts_with("block") && of.split(':').any(|of| Some(of) == what)
    };
    match locks.iter().find(blocks) {
        None => Ok(()),
        Some((_, who, why, _)) => {
            let told = format!("{who}: {why}");
            let told = told.chars().filter(|c| !c.is_control()).take(LONGEST);
            Err(PowerError::Inhibited(told.collect()))
        }
    }
}

/// Asks for it. Nobody is asked for a password: who may not is refused.
pub(super) async fn ask(address: &str, verb: PowerVerb) -> Result<(), PowerError> {
    let member = match verb {
        PowerVerb::Lock => "LockSessions",
        PowerVerb::Suspend => "Suspend",
        PowerVerb::Hibernate => "Hibernate",
        PowerVerb::Reboot => "Reboot",
        PowerVerb::PowerOff => "PowerOff",
    };
    // interactive = false.
    let interactive = verb.interrupts().then(|| {
        let mut body = Writer::default();
        body.u32(0);
        body
    });
    call(address, member, interactive).await.map(drop)
}

async fn call(address: &str, member: &str, flag: Option<Writer>) -> Result<Message, PowerError> {
    let call = Message::call(LOGIND, PATH, MANAGER, member, &[]);
    let call = match flag {
        Some(flag) => call.with("b", flag),
        None => call,
    };
    let asked = async {
        let mut bus = Bus::connect(address).await?;
        bus.ask(call).await
    };
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(PowerError::Unavailable(reason(&error))),
        Err(_) => Err(PowerError::Unavailable("logind did not answer".to_owned())),
    }
}

fn reason(error: &BusError) -> String {
    match error {
        BusError::Refused { name, .. } if name.ends_with(".ServiceUnknown") => {
            "there is no logind on this system".to_owned()
        }
        error => error.to_string(),
    }
}
