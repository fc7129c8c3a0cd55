//! A certificate authority and one server certificate, for a console on this machine.

use std::{path::Path, time::Duration};

use bailiwick_core::{digest::Sha256, time::Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};

use crate::{
    RepositoryError,
    disk::{self, Audience},
    metadata::{day, year},
};

/// So long before they are made certificates begin to hold: a device whose clock is behind
/// refuses what begins later. The keys are new, so nobody can have used them before.
const BACKDATED: Duration = Duration::from_secs(30 * 86_400);

/// Writes `ca.pem`, `ca-key.pem`, `server.pem` and `server-key.pem`; returns the digest of
/// the authority's certificate in DER form.
pub(crate) fn create(
    folder: &Path,
    names: &[String],
    now: Timestamp,
) -> Result<Sha256, RepositoryError> {
    let failed = |error: rcgen::Error| RepositoryError::Certificate(error.to_string());
    let first = i32::from(year(now));
    let begin = u64::try_from(BACKDATED.as_millis()).unwrap_or(u64::MAX);
    let begin = now.as_ms().saturating_sub(begin);
    let dated = |mut params: CertificateParams, name: &str, years: i32| {
        let (year, month, day) = day(Timestamp::from_ms(begin));
        params.not_before = date_time_ymd(year.into(), month.unsigned_abs(), day.unsigned_abs());
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

#[cfg(test)]
mod tests {
    use std::fs;

    use x509_cert::{Certificate, der::DecodePem as _};

    use super::*;

    const A_DAY: Duration = Duration::from_secs(86_400);

    #[test]
    fn a_device_whose_clock_is_weeks_behind_accepts_them_in_every_season() {
        for (year, month, day) in [(2027, 1, 1), (2027, 3, 1), (2028, 2, 29), (2027, 12, 31)] {
            let folder = tempfile::tempdir().unwrap();
            let now = Timestamp::start_of_day(year, month, day).unwrap();
            create(folder.path(), &["localhost".to_owned()], now).unwrap();
            for file in ["ca.pem", "server.pem"] {
                let pem = fs::read(folder.path().join(file)).unwrap();
                let read = Certificate::from_pem(pem).unwrap();
                let validity = read.tbs_certificate.validity;
                let made = Duration::from_millis(now.as_ms());
                let early = made - validity.not_before.to_unix_duration();
                assert!(early >= BACKDATED, "{file} of {year}-{month}-{day}");
                assert!(early < BACKDATED + A_DAY, "{file}: {early:?}");
                let holds = validity.not_after.to_unix_duration() - made;
                assert!(holds >= A_DAY * 365, "{file}: {holds:?}");
            }
        }
    }
}
