//! One module per interface of the contract, with the signatures of the generated
//! imports: on the device these are the host's.

pub(crate) mod log {
    use super::super::device::current;
    use crate::log::Level;

    pub(crate) fn write(level: Level, message: &str) {
        // Without a device there is nobody to read it, and logging never fails.
        let _ = current(|device| device.log.push((level, message.to_owned())));
    }
}

pub(crate) mod exec {
    use super::super::device::current;
    use crate::exec::{Error, Outcome, Request};

    pub(crate) fn run(request: &Request) -> Result<Outcome, Error> {
        current(|device| {
            device.ran.push(request.clone());
            if device.denied.contains("exec") {
                return Err(Error::Denied);
            }
            let program = device.programs.get(&request.program);
            program.cloned().unwrap_or(Err(Error::Denied))
        })
        .unwrap_or(Err(Error::Denied))
    }
}

pub(crate) mod wake {
    use super::super::device::current;
    use crate::wake::{Carrier, Error};

    pub(crate) fn send(link: &str, by: &Carrier, payload: &[u8]) -> Result<(), Error> {
        current(|device| {
            if device.denied.contains("wake") {
                return Err(Error::Denied);
            }
            let packet = (link.to_owned(), by.clone(), payload.to_vec());
            device.sent.push(packet);
            Ok(())
        })
        .unwrap_or(Err(Error::Denied))
    }
}

pub(crate) mod message {
    use super::super::device::current;
    use crate::message::{Delivered, Error};

    pub(crate) fn show(session: &str, text: &str) -> Result<Delivered, Error> {
        current(|device| {
            device.told.push((session.to_owned(), text.to_owned()));
            if device.denied.contains("message") {
                return Err(Error::Denied);
            }
            let answer = device.listeners.get(session);
            answer.cloned().unwrap_or(Err(Error::Denied))
        })
        .unwrap_or(Err(Error::Denied))
    }
}

pub(crate) mod power {
    use super::super::device::current;
    use crate::power::{Error, Verb};

    pub(crate) fn ask(verb: Verb) -> Result<(), Error> {
        current(|device| {
            device.asked_power.push(verb);
            if device.denied.contains("power") {
                return Err(Error::Denied);
            }
            device.power.clone().unwrap_or(Err(Error::Denied))
        })
        .unwrap_or(Err(Error::Denied))
    }
}

pub(crate) mod process_control {
    use super::super::device::{Control, current};
    use crate::process_control::{Ending, Error, Process};

    fn ask(control: Control, process: &Process) -> Result<Ending, Error> {
        current(|device| {
            device.controlled.push((control, process.clone()));
            if device.denied.contains("process-control") {
                return Err(Error::Denied);
            }
            let answer = device.controllable.get(&(process.id, process.started));
            answer.cloned().unwrap_or(Err(Error::Denied))
        })
        .unwrap_or(Err(Error::Denied))
    }

    pub(crate) fn end(process: &Process, grace_ms: u32) -> Result<Ending, Error> {
        ask(Control::End { grace_ms }, process)
    }

    pub(crate) fn suspend(process: &Process) -> Result<(), Error> {
        ask(Control::Suspend, process).map(drop)
    }

    pub(crate) fn resume(process: &Process) -> Result<(), Error> {
        ask(Control::Resume, process).map(drop)
    }
}

pub(crate) mod http {
    use super::super::device::current;
    use crate::http::{Error, Request, Response};

    pub(crate) fn send(request: &Request) -> Result<Response, Error> {
        current(|device| {
            device.requests.push(request.clone());
            if device.denied.contains("http") {
                return Err(Error::Denied);
            }
            let answer = device.servers.get(&request.url);
            answer.cloned().unwrap_or(Err(Error::Denied))
        })
        .unwrap_or(Err(Error::Denied))
    }
}

pub(crate) mod watch {
    use super::super::device::current;
    use crate::watch::{Changes, Error};

    pub(crate) fn changed() -> Result<Changes, Error> {
        current(|device| {
            if device.denied.contains("watch") {
                return Err(Error::Denied);
            }
            let (paths, is_first) = (std::mem::take(&mut device.changed), !device.watched);
            device.watched = true;
            Ok(Changes {
                paths: paths.into_iter().collect(),
                incomplete: is_first,
            })
        })
        .unwrap_or(Err(Error::Denied))
    }
}

pub(crate) mod progress {
    use super::super::device::current;

    pub(crate) fn report(percent: Option<u8>, text: &str) {
        let _ = current(|device| device.progress.push((percent, text.to_owned())));
    }
}

pub(crate) mod clock {
    use super::super::device::current;

    pub(crate) fn now() -> u64 {
        current(|device| device.now).unwrap_or_default()
    }

    pub(crate) fn monotonic() -> u64 {
        current(|device| device.monotonic).unwrap_or_default()
    }
}

pub(crate) mod config {
    use super::super::device::current;

    pub(crate) fn get(key: &str) -> Option<String> {
        current(|device| device.config.get(key).cloned()).flatten()
    }
}

pub(crate) mod state {
    use super::super::device::{Parts, current};
    use crate::state::Error;

    fn ask<R>(ask: impl FnOnce(&mut Parts) -> Result<R, Error>) -> Result<R, Error> {
        current(|device| {
            if device.denied.contains("state") {
                Err(Error::Denied)
            } else {
                ask(device)
            }
        })
        .unwrap_or(Err(Error::Denied))
    }

    fn check(key: &str) -> Result<(), Error> {
        let fits = (1..=128).contains(&key.len())
            && key
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b));
        if fits { Ok(()) } else { Err(Error::InvalidKey) }
    }

    pub(crate) fn get(key: &str) -> Result<Option<Vec<u8>>, Error> {
        ask(|device| {
            check(key)?;
            Ok(device.state.get(key).cloned())
        })
    }

    pub(crate) fn set(key: &str, value: &[u8]) -> Result<(), Error> {
        ask(|device| {
            check(key)?;
            device.state.insert(key.to_owned(), value.to_vec());
            Ok(())
        })
    }

    pub(crate) fn delete(key: &str) -> Result<(), Error> {
        ask(|device| {
            check(key)?;
            device.state.remove(key);
            Ok(())
        })
    }

    pub(crate) fn keys() -> Result<Vec<String>, Error> {
        ask(|device| Ok(device.state.keys().cloned().collect()))
    }
}

pub(crate) mod system {
    use super::super::device::{Parts, current};
    use crate::system::{Description, Error, FileSystem};

    fn ask<R>(ask: impl FnOnce(&Parts) -> Option<R>) -> Result<R, Error> {
        current(|device| {
            if device.denied.contains("system") {
                Err(Error::Denied)
            } else {
                ask(device).ok_or(Error::Unavailable)
            }
        })
        .unwrap_or(Err(Error::Denied))
    }

    pub(crate) fn describe() -> Result<Description, Error> {
        ask(|device| device.description.clone())
    }

    pub(crate) fn file_systems() -> Result<Vec<FileSystem>, Error> {
        ask(|device| device.file_systems.clone())
    }
}

pub(crate) mod network {
    use super::super::device::{Parts, current};
    use crate::network::{Error, Link, Route};

    fn ask<R>(ask: impl FnOnce(&Parts) -> Option<R>) -> Result<R, Error> {
        current(|device| {
            if device.denied.contains("network") {
                Err(Error::Denied)
            } else {
                ask(device).ok_or(Error::Unavailable)
            }
        })
        .unwrap_or(Err(Error::Denied))
    }

    pub(crate) fn links() -> Result<Vec<Link>, Error> {
        ask(|device| device.links.clone())
    }

    pub(crate) fn routes() -> Result<Vec<Route>, Error> {
        ask(|device| device.routes.clone())
    }
}

pub(crate) mod files {
    use super::super::{device::current, tree::Tree};
    use crate::files::{Entry, Error, Metadata};

    /// The contract's cut of one part.
    const LONGEST_PART: u32 = 1 << 20;

    fn ask<R>(ask: impl FnOnce(&Tree) -> Result<R, Error>) -> Result<R, Error> {
        current(|device| {
            if device.denied.contains("files") {
                Err(Error::Denied)
            } else {
                ask(&device.tree)
            }
        })
        .unwrap_or(Err(Error::Denied))
    }

    pub(crate) fn read(path: &str, at_most: u64) -> Result<Vec<u8>, Error> {
        ask(|tree| tree.read(path, at_most))
    }

    pub(crate) fn read_part(path: &str, offset: u64, length: u32) -> Result<Vec<u8>, Error> {
        let whole = ask(|tree| tree.read(path, u64::MAX))?;
        let start = usize::try_from(offset)
            .unwrap_or(usize::MAX)
            .min(whole.len());
        let end = start
            .saturating_add(length.min(LONGEST_PART) as usize)
            .min(whole.len());
        Ok(whole[start..end].to_vec())
    }

    pub(crate) fn list(path: &str) -> Result<Vec<Entry>, Error> {
        ask(|tree| tree.list(path))
    }

    pub(crate) fn look(path: &str) -> Result<Metadata, Error> {
        ask(|tree| tree.look(path))
    }

    pub(crate) fn read_link(path: &str) -> Result<String, Error> {
        ask(|tree| tree.read_link(path))
    }
}

pub(crate) mod processes {
    use super::super::device::current;
    use crate::processes::Error;

    pub(crate) fn read() -> Result<Vec<u8>, Error> {
        current(|device| {
            if device.denied.contains("processes") {
                Err(Error::Denied)
            } else {
                device.processes.clone().ok_or(Error::Unavailable)
            }
        })
        .unwrap_or(Err(Error::Denied))
    }
}

pub(crate) mod sessions {
    use super::super::device::current;
    use crate::sessions::{Error, Session};

    pub(crate) fn open() -> Result<Vec<Session>, Error> {
        current(|device| {
            if device.denied.contains("sessions") {
                Err(Error::Denied)
            } else {
                Ok(device.sessions.clone())
            }
        })
        .unwrap_or(Err(Error::Denied))
    }
}
