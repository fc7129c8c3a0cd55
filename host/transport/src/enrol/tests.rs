//! Requests of another implementation, and whole handshakes with certificates of an
//! authority of the test.

use std::sync::Arc;

use bailiwick_core::{digest::Sha256, ids::DeviceId};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyPair, PublicKeyData, SignatureAlgorithm, date_time_ymd,
};
use rustls::{
    RootCertStore, ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName},
    server::WebPkiClientVerifier,
};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::*;
use crate::{Trust, cause};

const DEVICE: DeviceId = DeviceId::from_bytes([0xab; 16]);

struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A device's public key for rcgen.
struct Public(Vec<u8>);

impl PublicKeyData for Public {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &rcgen::PKCS_ECDSA_P256_SHA256
    }
}

fn named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = named(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn sha256(&self) -> Sha256 {
        Sha256::of(self.0.der())
    }

    /// A certificate for a device that holds until the end of `year`.
    fn device(&self, key: &DeviceKey, year: i32) -> Certificate {
        let mut params = named(&DEVICE.to_string());
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(year, 12, 31);
        let request = Request::read(&key.request(&DEVICE).unwrap()).unwrap();
        // The point is the end of a SubjectPublicKeyInfo: 0x04 and two numbers of 32 bytes.
        let point = request.public_key[request.public_key.len() - 65..].to_vec();
        let issued = params.signed_by(&Public(point), &self.0).unwrap();
        Certificate::from_der(issued.der()).unwrap()
    }

    /// A server of 127.0.0.1 that presents its authority, and takes devices of `devices`.
    fn server(&self, devices: &Self) -> TlsAcceptor {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        let own = params.signed_by(&key, &self.0).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(devices.0.der().clone()).unwrap();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let clients =
            WebPkiClientVerifier::builder_with_provider(roots.into(), Arc::clone(&provider))
                .allow_unauthenticated()
                .build()
                .unwrap();
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(accepting_expired(clients))
            .with_single_cert(
                vec![own.der().clone(), self.0.der().clone()],
                PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
            )
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}

/// The certificate that a server sees of a client; or why the client does not go on.
async fn seen(
    server: &TlsAcceptor,
    trust: &Trust,
) -> Result<Option<CertificateDer<'static>>, String> {
    let (near, far) = tokio::io::duplex(64 * 1024);
    let connector = TlsConnector::from(Arc::new(trust.client_config().unwrap()));
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let (client, accepted) = tokio::join!(connector.connect(name, near), server.accept(far));
    client.map_err(|error| cause::of(&error))?;
    let accepted = accepted.map_err(|error| format!("the server: {error}"))?;
    let shown = accepted.get_ref().1.peer_certificates();
    Ok(shown.and_then(|shown| shown.first().cloned()))
}

#[test]
fn a_request_says_who_asks_with_which_key() {
    let key = DeviceKey::generate().unwrap();
    let request = Request::read(&key.request(&DEVICE).unwrap()).unwrap();
    assert_eq!(request.device, DEVICE);
    assert_eq!(request.key, key.digest().unwrap());
    let again = DeviceKey::from_pem(&key.to_pem().unwrap()).unwrap();
    assert_eq!(again.digest(), key.digest());
    assert_ne!(DeviceKey::generate().unwrap().digest(), key.digest());
    assert_eq!(
        DeviceKey::from_pem("nothing").unwrap_err(),
        KeyError::NotAKey
    );
}

#[test]
fn requests_of_another_implementation_are_read_and_judged() {
    let made = |name: &str, algorithm| {
        let key = KeyPair::generate_for(algorithm).unwrap();
        named(name).serialize_request(&key).unwrap().pem().unwrap()
    };
    let id = DEVICE.to_string();
    let good = made(&id, &rcgen::PKCS_ECDSA_P256_SHA256);
    assert_eq!(Request::read(&good).unwrap().device, DEVICE);
    for (text, why) in [
        (made(&id, &rcgen::PKCS_ECDSA_P384_SHA384), RequestError::Key),
        (made(&id, &rcgen::PKCS_ED25519), RequestError::Key),
        (
            made("another", &rcgen::PKCS_ECDSA_P256_SHA256),
            RequestError::Name,
        ),
        ("no request".to_owned(), RequestError::NotARequest),
        (good.repeat(20), RequestError::NotARequest),
        (
            "-----BEGIN CERTIFICATE REQUEST-----\nMAA=\n-----END CERTIFICATE REQUEST-----\n".into(),
            RequestError::NotARequest,
        ),
    ] {
        assert_eq!(Request::read(&text), Err(why), "{text}");
    }
}

#[test]
fn a_request_for_a_key_that_its_maker_has_not_is_refused() {
    use rustls::pki_types::{CertificateSigningRequestDer, pem::PemObject as _};
    use x509_cert::der::pem::{LineEnding, encode_string};

    let key = DeviceKey::generate().unwrap();
    let pem = key.request(&DEVICE).unwrap();
    let der = CertificateSigningRequestDer::from_pem_slice(pem.as_bytes()).unwrap();
    let id = DEVICE.to_string();
    let at = der.windows(id.len()).position(|text| text == id.as_bytes());
    let mut other = der.to_vec();
    other[at.unwrap()] = b'0';
    let other = encode_string("CERTIFICATE REQUEST", LineEnding::LF, &other).unwrap();
    assert_eq!(Request::read(&other), Err(RequestError::Signature));
}

#[tokio::test]
async fn only_the_authority_of_the_digest_is_trusted() {
    let authority = Authority::new("console");
    let server = authority.server(&authority);
    let trust = Trust::authority(authority.sha256());
    assert_eq!(trust.found(), None);
    assert_eq!(seen(&server, &trust).await, Ok(None));
    assert_eq!(trust.found(), Some(authority.0.pem()));

    // One that has the same name and presents itself is another one.
    let impostor = Authority::new("console");
    let trust = Trust::authority(authority.sha256());
    let refused = seen(&impostor.server(&authority), &trust).await;
    let words = refused.unwrap_err();
    assert!(
        words.contains("does not present the authority that the token names"),
        "{words}"
    );
    assert!(words.contains(&authority.sha256().to_string()), "{words}");
    assert_eq!(trust.found(), None);

    // To present somebody's authority is not to be signed by it.
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    let own = params.signed_by(&key, &impostor.0).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![own.der().clone(), authority.0.der().clone()],
            PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        )
        .unwrap();
    let refused = seen(&TlsAcceptor::from(Arc::new(config)), &trust).await;
    assert!(refused.is_err(), "{refused:?}");
    assert_eq!(trust.found(), None);
}

#[tokio::test]
async fn a_certificate_is_shown_to_who_asks_for_its_authority_and_replaced_without_a_restart() {
    let (authority, other) = (Authority::new("console"), Authority::new("other"));
    let key = DeviceKey::generate().unwrap();
    let certificate = authority.device(&key, 2100);
    let credentials = Credentials::new(&certificate, &key).unwrap();
    let trust = Trust::authority(authority.sha256()).and_credentials(credentials.clone());
    let server = authority.server(&authority);
    let shown = seen(&server, &trust).await.unwrap().unwrap();
    assert_eq!(&*shown, certificate.der());
    let stranger = authority.server(&other);
    assert_eq!(seen(&stranger, &trust).await, Ok(None));

    let new_key = DeviceKey::generate().unwrap();
    let new = authority.device(&new_key, 2100);
    assert!(credentials.replace(&new, &key).is_err());
    assert_eq!(
        &*seen(&server, &trust).await.unwrap().unwrap(),
        certificate.der()
    );
    credentials.replace(&new, &new_key).unwrap();
    assert_eq!(&*seen(&server, &trust).await.unwrap().unwrap(), new.der());
}

#[tokio::test]
async fn an_expired_certificate_is_seen_and_a_forged_one_is_not() {
    let (authority, forger) = (Authority::new("console"), Authority::new("console"));
    let key = DeviceKey::generate().unwrap();
    let server = authority.server(&authority);
    let with = |certificate: &Certificate| {
        Trust::authority(authority.sha256())
            .and_credentials(Credentials::new(certificate, &key).unwrap())
    };
    let expired = authority.device(&key, 2001);
    let shown = seen(&server, &with(&expired)).await.unwrap().unwrap();
    let shown = Certificate::from_der(&shown).unwrap();
    assert_eq!(shown.device(), DEVICE);
    assert!(shown.validity().until.as_ms() < 1_100_000_000_000);
    for year in [2001, 2100] {
        let forged = forger.device(&key, year);
        let seen = seen(&server, &with(&forged)).await;
        assert!(seen.unwrap_err().starts_with("the server:"));
    }
}
