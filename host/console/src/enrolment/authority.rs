//! The authority of `repo init` signs certificates of devices, too.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair},
};
use bailiwick_core::{digest::Sha256, time::Timestamp};
use bailiwick_transport::enrol::Request;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, pem::PemObject as _};
use x509_cert::{
    Certificate, TbsCertificate, Version,
    der::{
        Decode as _, Encode as _,
        asn1::{BitString, GeneralizedTime, ObjectIdentifier, UtcTime},
        oid::db::rfc5280::ID_KP_CLIENT_AUTH,
    },
    ext::{
        AsExtension as _,
        pkix::{
            AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages,
            SubjectKeyIdentifier,
        },
    },
    name::Name,
    serial_number::SerialNumber,
    spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned},
    time::{Time, Validity},
};

/// Its certificate, in the folder that `repo init` makes.
pub(crate) const CERTIFICATE: &str = "ca.pem";
/// Its key, beside it.
const KEY: &str = "ca-key.pem";
/// ecdsa-with-SHA256, RFC 5758 section 3.2.
const SIGNATURE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
/// A certificate holds from so long before it was made, for devices whose clock is behind;
/// less of one that holds for a short time, of which this is at most a tenth.
const EARLY: Duration = Duration::from_secs(5 * 60);

/// Signs certificates of devices.
pub(crate) struct Authority {
    certificate: Certificate,
    key: EcdsaKeyPair,
}

/// Nothing can be signed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AuthorityError {
    #[error(
        "this console has no key of an authority to sign with: {KEY} is not in its folder of \
         certificates, where `bailiwick-console repo init` puts it"
    )]
    NoKey,
    #[error("{path} can't be used: {reason}; `bailiwick-console repo init` makes it")]
    Unusable { path: PathBuf, reason: String },
    #[error("the certificate could not be made: {0}")]
    Failed(String),
}

impl Authority {
    /// The authority of a folder of certificates; none if its key is not there: whoever keeps
    /// it elsewhere enrols nobody here.
    pub(crate) fn read(folder: &Path) -> Result<Option<Self>, AuthorityError> {
        let path = folder.join(KEY);
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unusable(&path, error)),
        };
        let key = PrivatePkcs8KeyDer::from_pem_slice(&text).map_err(|e| unusable(&path, e))?;
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, key.secret_pkcs8_der())
            .map_err(|_| unusable(&path, "it is no key for ECDSA on P-256"))?;
        let certificate = certificate(folder)?;
        let read = Certificate::from_der(&certificate)
            .map_err(|error| unusable(&folder.join(CERTIFICATE), error))?;
        Ok(Some(Self {
            certificate: read,
            key,
        }))
    }

    /// A certificate for what `request` asks: for a client and nothing else.
    pub(crate) fn issue(
        &self,
        request: &Request,
        now: Timestamp,
        life: Duration,
    ) -> Result<Vec<u8>, AuthorityError> {
        let mut serial = [0; 16];
        getrandom::fill(&mut serial).map_err(failed)?;
        // Positive, and not shortened (RFC 5280, section 4.1.2.2).
        serial[0] = serial[0] & 0x7f | 0x40;
        let subject: Name = format!("CN={}", request.device).parse().map_err(failed)?;
        let signature = AlgorithmIdentifierOwned {
            oid: SIGNATURE,
            parameters: None,
        };
        let early = EARLY.min(life / 10);
        let from = now.as_ms().saturating_sub(ms(early));
        let mut body = TbsCertificate {
            version: Version::V3,
            serial_number: SerialNumber::new(&serial).map_err(failed)?,
            signature: signature.clone(),
            issuer: self.certificate.tbs_certificate.subject.clone(),
            validity: Validity {
                not_before: time(from)?,
                not_after: time(now.after(life).as_ms())?,
            },
            subject,
            subject_public_key_info: SubjectPublicKeyInfoOwned::from_der(&request.public_key)
                .map_err(failed)?,
            issuer_unique_id: None,
            subject_unique_id: None,
            extensions: None,
        };
        body.extensions = Some(self.extensions(&body.subject).map_err(failed)?);
        let signed = body.to_der().map_err(failed)?;
        let signed = self.key.sign(&SystemRandom::new(), &signed);
        let signed = signed.map_err(|_| failed("the cryptography library failed"))?;
        let certificate = Certificate {
            tbs_certificate: body,
            signature_algorithm: signature,
            signature: BitString::from_bytes(signed.as_ref()).map_err(failed)?,
        };
        certificate.to_der().map_err(failed)
    }

    fn extensions(&self, subject: &Name) -> x509_cert::der::Result<Vec<x509_cert::ext::Extension>> {
        let no_authority = BasicConstraints {
            ca: false,
            path_len_constraint: None,
        };
        let client = ExtendedKeyUsage(vec![ID_KP_CLIENT_AUTH]);
        let mut extensions = vec![
            no_authority.to_extension(subject, &[])?,
            KeyUsage(KeyUsages::DigitalSignature.into()).to_extension(subject, &[])?,
            client.to_extension(subject, &[])?,
        ];
        let own = self
            .certificate
            .tbs_certificate
            .get::<SubjectKeyIdentifier>()?;
        if let Some((_, SubjectKeyIdentifier(id))) = own {
            let authority = AuthorityKeyIdentifier {
                key_identifier: Some(id),
                ..AuthorityKeyIdentifier::default()
            };
            extensions.push(authority.to_extension(subject, &[])?);
        }
        Ok(extensions)
    }
}

/// The authority's certificate.
pub(crate) fn certificate(folder: &Path) -> Result<CertificateDer<'static>, AuthorityError> {
    let path = folder.join(CERTIFICATE);
    CertificateDer::from_pem_file(&path).map_err(|error| unusable(&path, error))
}

/// Its digest, as tokens name it.
pub(crate) fn digest(folder: &Path) -> Result<Sha256, AuthorityError> {
    Ok(Sha256::of(&certificate(folder)?))
}

/// In whole seconds, in the form that RFC 5280 (section 4.1.2.5) asks for.
fn time(ms: u64) -> Result<Time, AuthorityError> {
    let since = Duration::from_secs(ms / 1_000);
    match UtcTime::from_unix_duration(since) {
        Ok(time) => Ok(time.into()),
        Err(_) => GeneralizedTime::from_unix_duration(since)
            .map(Time::from)
            .map_err(failed),
    }
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn unusable(path: &Path, reason: impl ToString) -> AuthorityError {
    AuthorityError::Unusable {
        path: path.to_owned(),
        reason: reason.to_string(),
    }
}

fn failed(reason: impl ToString) -> AuthorityError {
    AuthorityError::Failed(reason.to_string())
}
