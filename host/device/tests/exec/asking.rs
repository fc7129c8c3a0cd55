//! Actions of operators for tests: no handler's policy grants anything without one.

use std::{fs, io, path::Path};

use bailiwick_core::{
    action::{ActionId, Audience, Document, Envelope, OperatorKey, Order},
    time::Timestamp,
};

/// An action of `handler` that may begin once, as who believes what is in `folder` takes it.
pub(crate) fn ask(handler: &str, number: u8, folder: &Path) -> io::Result<Envelope> {
    let envelope = envelope(handler, number).ok_or(io::ErrorKind::InvalidInput)?;
    fs::write(folder.join(envelope.id().to_string()), "")?;
    Ok(envelope)
}

fn envelope(handler: &str, number: u8) -> Option<Envelope> {
    let document = Document::new(
        ActionId::from_bytes([number; 16]),
        Audience::Group("all".parse().ok()?),
        handler.parse().ok()?,
        Order::Run {
            arguments: "{}".to_owned(),
        },
        (Timestamp::EPOCH, Timestamp::from_ms(1)),
        OperatorKey::from_bytes([1; 32]),
    );
    Envelope::seal(document.ok()?, |_| Some([1; 64])).ok()
}
