//! A device's key.

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use bailiwick_core::{digest::Sha256, ids::DeviceId};
use rustls::pki_types::{PrivatePkcs8KeyDer, pem::PemObject as _};
use x509_cert::{
    der::{
        Encode as _,
        asn1::BitString,
        pem::{LineEnding, encode_string},
    },
    name::Name,
    request::{CertReq, CertReqInfo, Version},
    spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned},
};

use super::request::{CURVE, EC_KEY, SIGNATURE, key_digest};

const LABEL: &str = "PRIVATE KEY";
const REQUEST: &str = "CERTIFICATE REQUEST";

/// A private key (ECDSA, P-256), made on this device.
pub struct DeviceKey {
    pair: EcdsaKeyPair,
    pkcs8: Vec<u8>,
}

/// A key can't be made or used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The operating system gives no randomness, or the library failed.
    #[error("no key can be made: the cryptography library failed")]
    Library,
    /// A text that holds no such key.
    #[error("it holds no private key (ECDSA, P-256) in PEM form")]
    NotAKey,
}

impl DeviceKey {
    /// A new key.
    ///
    /// # Errors
    /// [`KeyError::Library`].
    pub fn generate() -> Result<Self, KeyError> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING)
            .map_err(|_| KeyError::Library)?;
        let pkcs8 = pair.to_pkcs8v1().map_err(|_| KeyError::Library)?;
        Self::from_pkcs8(pkcs8.as_ref())
    }

    /// The key that [`Self::to_pem`] wrote.
    ///
    /// # Errors
    /// [`KeyError::NotAKey`].
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let der =
            PrivatePkcs8KeyDer::from_pem_slice(text.as_bytes()).map_err(|_| KeyError::NotAKey)?;
        Self::from_pkcs8(der.secret_pkcs8_der())
    }

    fn from_pkcs8(pkcs8: &[u8]) -> Result<Self, KeyError> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8)
            .map_err(|_| KeyError::NotAKey)?;
        Ok(Self {
            pair,
            pkcs8: pkcs8.to_vec(),
        })
    }

    /// The private key as PEM (PKCS#8). For a file that its owner alone can read.
    ///
    /// # Errors
    /// [`KeyError::Library`].
    pub fn to_pem(&self) -> Result<String, KeyError> {
        encode_string(LABEL, LineEnding::LF, &self.pkcs8).map_err(|_| KeyError::Library)
    }

    /// The private key in DER form.
    pub(crate) fn pkcs8(&self) -> PrivatePkcs8KeyDer<'static> {
        self.pkcs8.clone().into()
    }

    /// Digest of the public key, as [`super::Request::key`] has it.
    ///
    /// # Errors
    /// [`KeyError::Library`].
    pub fn digest(&self) -> Result<Sha256, KeyError> {
        key_digest(&self.public()?).map_err(|_| KeyError::Library)
    }

    fn public(&self) -> Result<SubjectPublicKeyInfoOwned, KeyError> {
        let point = self.pair.public_key().as_ref();
        Ok(SubjectPublicKeyInfoOwned {
            algorithm: AlgorithmIdentifierOwned {
                oid: EC_KEY,
                parameters: Some((&CURVE).into()),
            },
            subject_public_key: BitString::from_bytes(point).map_err(|_| KeyError::Library)?,
        })
    }

    /// A certificate request (PKCS#10, RFC 2986) in PEM form, by which `device` asks for a
    /// certificate and shows that it has the key.
    ///
    /// # Errors
    /// [`KeyError::Library`].
    pub fn request(&self, device: &DeviceId) -> Result<String, KeyError> {
        let failed = |_| KeyError::Library;
        let info = CertReqInfo {
            version: Version::V1,
            subject: name(device).map_err(failed)?,
            public_key: self.public()?,
            attributes: Default::default(),
        };
        let signed = self.sign(&info.to_der().map_err(failed)?)?;
        let request = CertReq {
            info,
            algorithm: AlgorithmIdentifierOwned {
                oid: SIGNATURE,
                parameters: None,
            },
            signature: BitString::from_bytes(&signed).map_err(failed)?,
        };
        let der = request.to_der().map_err(failed)?;
        encode_string(REQUEST, LineEnding::LF, &der).map_err(|_| KeyError::Library)
    }

    /// Signs as ECDSA with SHA-256, in DER form.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let signature = self.pair.sign(&SystemRandom::new(), message);
        Ok(signature.map_err(|_| KeyError::Library)?.as_ref().to_vec())
    }
}

/// A device as a certificate names it.
fn name(device: &DeviceId) -> x509_cert::der::Result<Name> {
    format!("CN={device}").parse()
}

/// Without the key.
impl std::fmt::Debug for DeviceKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DeviceKey").finish_non_exhaustive()
    }
}
