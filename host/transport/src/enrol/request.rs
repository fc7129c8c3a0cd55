//! A certificate request as the console reads it.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use bailiwick_core::{digest::Sha256, ids::DeviceId};
use rustls::pki_types::{CertificateSigningRequestDer, pem::PemObject as _};
use x509_cert::{
    der::{Decode as _, Encode as _, asn1::ObjectIdentifier},
    request::CertReq,
    spki::SubjectPublicKeyInfoOwned,
};

use super::certificate::common_name;

/// id-ecPublicKey, RFC 5480 section 2.1.1.
pub(super) const EC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
/// secp256r1, RFC 5480 section 2.1.1.1.
pub(super) const CURVE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
/// ecdsa-with-SHA256, RFC 5758 section 3.2.
pub(super) const SIGNATURE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
/// Longest request, in bytes. Those that a device makes have about 250.
const LONGEST: usize = 4 * 1024;

/// Who asks for a certificate, for which key. Its signature held, so whoever made it has the
/// key; that it is this device is not shown by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The id that is to be in the certificate.
    pub device: DeviceId,
    /// The public key (SubjectPublicKeyInfo) in DER form.
    pub public_key: Vec<u8>,
    /// Digest of that.
    pub key: Sha256,
}

/// Why a request is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// It is no certificate request.
    #[error("it is no certificate request (PKCS#10) in PEM form")]
    NotARequest,
    /// Its key is of another kind.
    #[error("its key is not ECDSA on P-256 with SHA-256, the one kind that is taken")]
    Key,
    /// Whoever made it has not the key.
    #[error("its signature does not fit its key")]
    Signature,
    /// It names no device.
    #[error("its common name is no device id: it takes 32 hexadecimal digits")]
    Name,
}

impl Request {
    /// Reads a request in PEM form and checks its signature.
    ///
    /// # Errors
    /// See [`RequestError`].
    pub fn read(pem: &str) -> Result<Self, RequestError> {
        if pem.len() > LONGEST {
            return Err(RequestError::NotARequest);
        }
        let der = CertificateSigningRequestDer::from_pem_slice(pem.as_bytes())
            .map_err(|_| RequestError::NotARequest)?;
        let request = CertReq::from_der(&der).map_err(|_| RequestError::NotARequest)?;
        let public = &request.info.public_key;
        let curve = public.algorithm.parameters.as_ref();
        let curve = curve.and_then(|value| value.decode_as::<ObjectIdentifier>().ok());
        let fits = public.algorithm.oid == EC_KEY
            && curve == Some(CURVE)
            && request.algorithm.oid == SIGNATURE;
        if !fits {
            return Err(RequestError::Key);
        }
        let not_a_request = |_| RequestError::NotARequest;
        let signed = request.info.to_der().map_err(not_a_request)?;
        let point = public.subject_public_key.raw_bytes();
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point)
            .verify(&signed, request.signature.raw_bytes())
            .map_err(|_| RequestError::Signature)?;
        let name = common_name(&request.info.subject).ok_or(RequestError::Name)?;
        let device: DeviceId = name.parse().map_err(|_| RequestError::Name)?;
        Ok(Self {
            device,
            public_key: public.to_der().map_err(not_a_request)?,
            key: key_digest(public).map_err(not_a_request)?,
        })
    }
}

/// Digest of a public key in DER form.
pub(super) fn key_digest(key: &SubjectPublicKeyInfoOwned) -> x509_cert::der::Result<Sha256> {
    Ok(Sha256::of(&key.to_der()?))
}
