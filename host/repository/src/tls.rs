//! A certificate authority and one server certificate, for a console on this machine.

use std::path::Path;

use bailiwick_core::{digest::Sha256, time::Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};

use crate::{
    RepositoryError,
    disk::{self, Audience},
    metadata::year,
};

/// Writes `ca.pem`, `ca-key.pem`, `server.pem` and `server-key.pem`; returns the digest of
/// the authority's certificate in DER form.
pub(crate) fn create(
    folder: &Path,
    names: &[String],
    now: Timestamp,
) -> Result<Sha256, RepositoryError> {
    let failed = |error: rcgen::Error| RepositoryError::Certificate(error.to_string());
    let first = i32::from(year(now));
    let dated = |mut params: CertificateParams, name: &str, years: i32| {
        // A day early, so that a device whose clock is a little behind accepts it.
        params.not_before = date_time_ymd(first - 1, 12, 31);
        params.not_after = date_time_ymd(first + years, 12, 31);
        params.distinguished_name.push(DnType::CommonName, name);
        params
    };

    let ca_key = KeyPair::generate().map_err(failed)?;
    let mut ca = dated(
        CertificateParams::default(),
        "Bailiwick console authority",
        10,
    );
    ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let ca_certificate = ca.self_signed(&ca_key).map_err(failed)?;

    let server_key = KeyPair::generate().map_err(failed)?;
    let params = CertificateParams::new(names.to_vec()).map_err(failed)?;
    let mut server = dated(params, "Bailiwick console", 2);
    server.use_authority_key_identifier_extension = true;
    server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let issuer = Issuer::from_params(&ca, &ca_key);
    let server_certificate = server.signed_by(&server_key, &issuer).map_err(failed)?;

    let write = |name: &str, text: String, audience| {
        disk::write(&folder.join(name), text.as_bytes(), audience)
    };
    write("ca-key.pem", ca_key.serialize_pem(), Audience::Owner)?;
    write("ca.pem", ca_certificate.pem(), Audience::Public)?;
    write(
        "server-key.pem",
        server_key.serialize_pem(),
        Audience::Owner,
    )?;
    write("server.pem", server_certificate.pem(), Audience::Public)?;
    Ok(Sha256::of(ca_certificate.der()))
}
