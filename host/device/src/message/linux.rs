//! Which way leads to the user of a session, and the words around the text.

use std::path::PathBuf;

use bailiwick_core::{
    ports::{Delivered, MessageError, MessageOrder},
    session::{Remote, SessionKind},
};

use super::{
    notification,
    teller::{self, Way},
    terminal,
};
use crate::{Privileged, blocking};

pub(super) async fn show(
    places: &(PathBuf, PathBuf),
    privileged: Option<&Privileged>,
    order: MessageOrder,
) -> Result<Delivered, MessageError> {
    let way = way(places, &order).map_err(MessageError::Nobody)?;
    let delivered = match way.terminal {
        Some(_) => Delivered::Terminal,
        None => Delivered::Notification,
    };
    let heading = format!("{} (plugin {})", order.from, order.plugin);
    let text = order.notice.text().to_owned();
    let told = match (privileged, &way.terminal) {
        (Some(privileged), _) => teller::tell(privileged, &way, &heading, &text).await,
        (None, Some(path)) => {
            let (path, uid) = (PathBuf::from(path), way.uid);
            let write = move || terminal::write(&path, uid, &heading, &text);
            let written = blocking::run(write).await;
            written.map_err(|error| MessageError::Unavailable(error.to_string()))?
        }
        (None, None) => {
            notification::show(PathBuf::from(&way.folder), way.uid, heading, text).await
        }
    };
    told.map(|()| delivered).map_err(MessageError::Nobody)
}

fn way((buses, terminals): &(PathBuf, PathBuf), order: &MessageOrder) -> Result<Way, String> {
    let facts = &order.session.facts;
    let kind = facts.kind.as_ref().map(|told| told.value);
    let name = facts.terminal.as_ref().map(|told| told.value.as_str());
    let terminal = match (kind, name) {
        (Some(SessionKind::Service | SessionKind::Background), _) => {
            return Err("it is no person's session".to_owned());
        }
        // A terminal that a desktop runs on shows nobody anything.
        (
            Some(SessionKind::Console | SessionKind::Remote(Remote::Ssh | Remote::Other)) | None,
            Some(name),
        ) => {
            let path = terminal::path(terminals, name);
            Some(path.ok_or_else(|| format!("`{name}` is no terminal"))?)
        }
        (_, _) => None,
    };
    Ok(Way {
        uid: facts.uid,
        terminal: terminal.map(|path| path.display().to_string()),
        folder: buses.join(facts.uid.to_string()).display().to_string(),
    })
}

#[cfg(test)]
#[path = "linux_tests.rs"]
mod tests;
