//! The file of samples that is being written for one session.

use std::{sync::Arc, time::Duration};

use bailiwick_core::{ids::PluginName, session::SessionId, time::Monotonic};
use bailiwick_report::{
    columnar::{Subject, Writer},
    rows::Snapshot,
};
use bailiwick_store::{Outgoing, StoreError, What};

use crate::{events::Event, run::host::Host};

/// Bytes of columns at which a file ends early, so that a plugin with many rows does not fill
/// the memory, and is within the 1 MiB that the console takes.
const LARGEST: usize = 512 * 1024;

pub(super) struct Recording {
    plugin: PluginName,
    session: SessionId,
    file: Option<Open>,
    last: Option<Snapshot>,
    files: u64,
}

/// A file that takes samples.
struct Open {
    writer: Writer,
    version: String,
    /// When it ends.
    until: Monotonic,
}

impl Recording {
    pub(super) fn new(plugin: PluginName, session: SessionId) -> Self {
        Self {
            plugin,
            session,
            file: None,
            last: None,
            files: 0,
        }
    }

    /// The last sample.
    pub(super) fn last(&self) -> Option<&Snapshot> {
        self.last.as_ref()
    }

    /// Takes a sample, read now, and puts away the file if it is time. A file is of one
    /// version and one schema.
    ///
    /// # Errors
    /// A file that was due could not be kept; the sample is in the next.
    pub(super) async fn add(
        &mut self,
        host: &Host,
        version: &str,
        file_every: Duration,
        snapshot: Snapshot,
    ) -> Result<(), StoreError> {
        let (now, at) = (host.clock.monotonic(), host.clock.now().as_ms());
        let fits = self.file.as_ref().is_some_and(|open| {
            open.version == version && **open.writer.schema() == **snapshot.schema()
        });
        let mut kept = Ok(());
        if !fits {
            kept = self.put_away(host).await;
        }
        self.last = Some(snapshot.clone());
        let open = self.file.get_or_insert_with(|| Open {
            writer: Writer::new(
                Arc::clone(snapshot.schema()),
                Subject {
                    plugin: self.plugin.to_string(),
                    version: version.to_owned(),
                    session: self.session.to_string(),
                },
            ),
            version: version.to_owned(),
            until: now.after(file_every),
        });
        let taken = open.writer.add(at, snapshot);
        if !taken || now >= open.until || open.writer.size() >= LARGEST {
            kept = kept.and(self.put_away(host).await);
        }
        kept
    }

    /// Ends the file, if one was begun: it is in the outbox when this returns.
    ///
    /// # Errors
    /// It could not be kept, and is lost.
    pub(super) async fn put_away(&mut self, host: &Host) -> Result<(), StoreError> {
        let Some(open) = self.file.take() else {
            return Ok(());
        };
        let Some((first, _)) = open.writer.span() else {
            return Ok(());
        };
        let body = open.writer.finish();
        let (counter, bytes) = (self.files, body.len() as u64);
        self.files += 1;
        let (plugin, generation) = (&self.plugin, self.session.generation());
        let kept = host
            .put(Outgoing {
                what: What::File {
                    plugin: plugin.clone(),
                    session: self.session.clone(),
                },
                key: format!("{}-{plugin}-s{generation}-{first}", host.device),
                at: host.clock.now(),
                body,
                beside: None,
            })
            .await?;
        if kept {
            host.tell(Event::Reported {
                plugin: plugin.clone(),
                kind: "file".to_owned(),
                counter,
                bytes,
            })
            .await;
        }
        Ok(())
    }
}
