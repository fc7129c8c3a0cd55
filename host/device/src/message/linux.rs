//! Which way leads to the user of a session, and the words around the text.

use std::path::PathBuf;

use bailiwick_core::{
    ports::{Delivered, MessageError, MessageOrder},
    session::{Remote, SessionKind},
};

use super::{notification, terminal};

pub(super) async fn show(
    (buses, terminals): &(PathBuf, PathBuf),
    order: MessageOrder,
) -> Result<Delivered, MessageError> {
    let facts = &order.session.facts;
    let uid = facts.uid;
    let heading = format!("{} (plugin {})", order.from, order.plugin);
    let text = order.notice.text().to_owned();
    let kind = facts.kind.as_ref().map(|told| told.value);
    let name = facts.terminal.as_ref().map(|told| told.value.as_str());
    let told = match (kind, name) {
        // A terminal that a desktop runs on shows nobody anything.
        (
            Some(SessionKind::Console | SessionKind::Remote(Remote::Ssh | Remote::Other)) | None,
            Some(name),
        ) => {
            let path = terminal::path(terminals, name);
            let path = path.ok_or_else(|| format!("`{name}` is no terminal"));
            let written = crate::blocking::run(move || {
                path.and_then(|path| terminal::write(&path, uid, &heading, &text))
            });
            let written = written.await;
            let written = written.map_err(|error| MessageError::Unavailable(error.to_string()))?;
            written.map(|()| Delivered::Terminal)
        }
        (Some(SessionKind::Service | SessionKind::Background), _) => {
            Err("it is no person's session".to_owned())
        }
        (_, _) => notification::show(buses.join(uid.to_string()), uid, heading, text)
            .await
            .map(|()| Delivered::Notification),
    };
    told.map_err(MessageError::Nobody)
}

#[cfg(test)]
#[path = "linux_tests.rs"]
mod tests;
