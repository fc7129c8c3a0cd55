//! Notices that the repository changed.

use std::{path::Path, time::Duration};

use tokio::{sync::watch, time::sleep};

/// Between two looks. A device that is connected follows within two seconds.
const LOOK: Duration = Duration::from_millis(500);
/// Longest timestamp that is read, in bytes: that of readers of TUF.
const LONGEST: u64 = 16 * 1024;

/// Looks at the timestamp in `public` until `stop` is set, and tells its number. The look
/// is at time and size of the file; it is read when they change.
pub(crate) async fn watch(
    public: &Path,
    tell: watch::Sender<Option<u64>>,
    mut stop: watch::Receiver<bool>,
) {
    let path = public.join("timestamp.json");
    let mut seen = None;
    loop {
        let look = tokio::fs::metadata(&path).await.ok();
        let look = look.map(|file| (file.len(), file.modified().ok()));
        if look != seen {
            // One that can't be read, as in the middle of a copy, is looked at again.
            if let Some(version) = read(&path).await {
                seen = look;
                tell.send_if_modified(|told| told.replace(version) != Some(version));
            }
        }
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            () = sleep(LOOK) => {}
        }
    }
}

async fn read(path: &Path) -> Option<u64> {
    if tokio::fs::metadata(path).await.ok()?.len() > LONGEST {
        return None;
    }
    let text = tokio::fs::read(path).await.ok()?;
    let json: serde_json::Value = serde_json::from_slice(&text).ok()?;
    json["signed"]["version"].as_u64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_new_timestamp_is_told_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("timestamp.json");
        let (tell, mut told) = watch::channel(None);
        let (stop, stopped) = watch::channel(false);
        let public = folder.path().to_owned();
        let watching = tokio::spawn(async move { super::watch(&public, tell, stopped).await });
        for (text, version) in [
            (r#"{"signed":{"version":1}}"#, 1),
            (r#"{"signed":{"version":22}}"#, 22),
        ] {
            let staged = folder.path().join("staged");
            std::fs::write(&staged, text).unwrap();
            std::fs::rename(&staged, &file).unwrap();
            told.changed().await.unwrap();
            assert_eq!(*told.borrow_and_update(), Some(version));
        }
        stop.send(true).unwrap();
        watching.await.unwrap();
        assert!(told.changed().await.is_err(), "it was told once");
    }
}
