//! Takes a renewed certificate while the console serves.

use std::{
    path::Path,
    time::{Duration, SystemTime},
};

use tokio::{sync::watch, time::sleep};

use super::Identity;

/// Between two looks: whoever renews a certificate does it days before the old one ends.
const LOOK: Duration = Duration::from_secs(10);

/// Looks at the files of `identities` until `stop` is set. Connections that are open go on
/// with the certificate that they began with. Files that can't be used, as in the middle of
/// a copy, are told of and change nothing.
pub(crate) async fn follow<const N: usize>(
    identities: [Identity; N],
    mut stop: watch::Receiver<bool>,
) {
    let mut seen = look(&identities).await;
    loop {
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            () = sleep(LOOK) => {}
        }
        let looked = look(&identities).await;
        if looked != seen {
            seen = looked;
            for identity in &identities {
                if let Err(error) = identity.reload() {
                    eprintln!("bailiwick-console: {error}; the one from before is used on");
                }
            }
        }
    }
}

/// Length and time of each file.
async fn look(identities: &[Identity]) -> Vec<Option<(u64, SystemTime)>> {
    let mut seen = Vec::new();
    for file in identities.iter().flat_map(Identity::files) {
        seen.push(file_mark(&file).await);
    }
    seen
}

async fn file_mark(file: &Path) -> Option<(u64, SystemTime)> {
    let metadata = tokio::fs::metadata(file).await.ok()?;
    Some((metadata.len(), metadata.modified().ok()?))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bailiwick_core::time::Timestamp;
    use bailiwick_repository::{Init, Repository};
    use rustls::{
        ClientConfig, RootCertStore,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, ServerName, pem::PemObject as _},
    };
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    fn made(folder: &Path) {
        let init = Init {
            vendors: Vec::new(),
            server_names: Vec::new(),
            now: Timestamp::from_ms(1_795_000_000_000),
        };
        Repository::init(folder, &init).unwrap();
    }

    /// Whether `identity` proves itself by the authority in `folder`.
    async fn proves(identity: &Identity, folder: &Path) -> bool {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = async {
            let (stream, from) = listener.accept().await.unwrap();
            identity.accept(stream, from).await.is_ok()
        };
        let mut roots = RootCertStore::empty();
        let authority = CertificateDer::from_pem_file(folder.join("tls/ca.pem")).unwrap();
        roots.add(authority).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
        let name = ServerName::try_from("127.0.0.1").unwrap();
        let asking = async {
            let stream = TcpStream::connect(address).await.unwrap();
            connector.connect(name, stream).await.is_ok()
        };
        tokio::join!(serving, asking).1
    }

    #[tokio::test]
    async fn a_renewed_certificate_counts_and_a_broken_one_does_not() {
        let (old, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        made(old.path());
        made(new.path());
        let tls = old.path().join("tls");
        let identity = Identity::for_devices(&tls).unwrap();
        assert!(!proves(&identity, new.path()).await);
        std::fs::write(tls.join("server.pem"), "half a certificate").unwrap();
        identity.reload().unwrap_err();
        for file in ["server.pem", "server-key.pem", "ca.pem"] {
            std::fs::copy(new.path().join("tls").join(file), tls.join(file)).unwrap();
        }
        identity.reload().unwrap();
        assert!(proves(&identity, new.path()).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_is_seen_between_two_looks() {
        let (old, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        made(old.path());
        made(new.path());
        let tls = old.path().join("tls");
        let identity = Identity::read(&tls).unwrap();
        let (stop, stopped) = watch::channel(false);
        let following = tokio::spawn(follow([identity.clone()], stopped));
        sleep(LOOK / 2).await;
        std::fs::remove_file(tls.join("server.pem")).unwrap();
        sleep(LOOK).await;
        for file in ["server.pem", "server-key.pem", "ca.pem"] {
            std::fs::copy(new.path().join("tls").join(file), tls.join(file)).unwrap();
        }
        sleep(LOOK * 2).await;
        stop.send(true).unwrap();
        following.await.unwrap();
        assert!(proves(&identity, new.path()).await);
    }
}
