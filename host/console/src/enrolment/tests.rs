//! The register and the authority together, with keys and certificates of real devices.

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};

use bailiwick_repository::{Init, Repository};
use bailiwick_transport::enrol::{Certificate, DeviceKey};
use rustls::{
    CertificateError, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, UnixTime},
    server::WebPkiClientVerifier,
};

use super::*;

const NOW: Timestamp = Timestamp::from_ms(1_800_000_000_000);
const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

struct Desk {
    folder: tempfile::TempDir,
    enrolment: Enrolment,
    secrets: AtomicU8,
}

impl Desk {
    fn new(strictness: Strictness) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let init = Init {
            vendors: Vec::new(),
            server_names: Vec::new(),
            now: NOW,
        };
        Repository::init(folder.path(), &init).unwrap();
        let tls = folder.path().join("tls");
        let life = Duration::from_secs(90 * 86_400);
        let enrolment = Enrolment::open(folder.path(), &tls, strictness, life).unwrap();
        Self {
            folder,
            enrolment,
            secrets: AtomicU8::new(1),
        }
    }

    fn invite(&self, device: Option<DeviceId>) -> Secret {
        let byte = self.secrets.fetch_add(1, Ordering::Relaxed);
        let secret = Secret::from_bytes([byte; 32]);
        let invite = Invite {
            token: secret.digest(),
            expires: NOW.after(Duration::from_secs(3_600)),
            device,
            group: None,
        };
        self.enrolment.register().invite(&invite, NOW).unwrap();
        secret
    }

    fn enrol(&self, secret: &Secret, request: &Request) -> Result<Issued, NotIssued> {
        self.enrolment.enrol(secret, request, HOME, NOW)
    }
}

fn device(byte: u8) -> DeviceId {
    DeviceId::from_bytes([byte; 16])
}

fn request(byte: u8) -> Request {
    let key = DeviceKey::generate().unwrap();
    Request::read(&key.request(&device(byte)).unwrap()).unwrap()
}

fn showing(der: &[u8]) -> Peer {
    Peer {
        address: (HOME, 1).into(),
        certificate: Some(der.to_vec()),
    }
}

fn showing_nothing() -> Peer {
    Peer {
        address: (HOME, 1).into(),
        certificate: None,
    }
}

#[test]
fn what_the_authority_signs_webpki_takes_from_a_client_while_it_holds() {
    let desk = Desk::new(Strictness::Enrolled);
    let issued = desk.enrol(&desk.invite(None), &request(1)).unwrap();
    let read = Certificate::from_der(&issued.der).unwrap();
    assert_eq!(read.device(), device(1));
    let mut roots = RootCertStore::empty();
    let tls = desk.folder.path().join("tls");
    roots.add(authority_certificate(&tls).unwrap()).unwrap();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider)
        .build()
        .unwrap();
    let at = |time: Timestamp| {
        let time = UnixTime::since_unix_epoch(Duration::from_millis(time.as_ms()));
        let der = CertificateDer::from(issued.der.as_slice());
        verifier.verify_client_cert(&der, &[], time)
    };
    at(NOW).unwrap();
    let until = read.validity().until;
    assert_eq!(until, NOW.after(Duration::from_secs(90 * 86_400)));
    at(Timestamp::from_ms(until.as_ms() - 1_000)).unwrap();
    let ended = at(Timestamp::from_ms(until.as_ms() + 1_000)).unwrap_err();
    assert!(
        matches!(
            ended,
            rustls::Error::InvalidCertificate(CertificateError::ExpiredContext { .. })
        ),
        "{ended:?}"
    );
    at(Timestamp::from_ms(NOW.as_ms() - 299_000)).unwrap();
    assert!(at(Timestamp::from_ms(NOW.as_ms() - 301_000)).is_err());
}

#[test]
fn a_token_works_once_and_its_answer_is_repeated_for_its_key_alone() {
    let desk = Desk::new(Strictness::Enrolled);
    let (secret, first) = (desk.invite(None), request(1));
    let issued = desk.enrol(&secret, &first).unwrap();
    assert!(issued.is_new);
    let again = desk.enrol(&secret, &first).unwrap();
    assert!(!again.is_new);
    assert_eq!(again.der, issued.der);
    let register = desk.enrolment.register();
    assert_eq!(register.devices().unwrap().len(), 1);
    assert_eq!(register.refusals().unwrap(), []);

    // Another key, whichever id it asks for, is refused and kept.
    for thief in [request(1), request(2)] {
        let refused = desk.enrol(&secret, &thief).unwrap_err();
        assert!(
            matches!(refused, NotIssued::Refused(Refusal::Used(id)) if id == device(1)),
            "{refused:?}"
        );
    }
    let kept = register.refusals().unwrap();
    assert_eq!(kept.len(), 2);
    assert!(kept.iter().all(|turned| turned.alarm));
    assert_eq!(kept[0].address, "192.0.2.1");
    assert_eq!(kept[0].device, device(2).to_string());
    assert_eq!(register.devices().unwrap().len(), 1);
}

#[test]
fn guessing_is_slowed_down_by_address_and_leaves_nothing_on_the_disk() {
    let desk = Desk::new(Strictness::Enrolled);
    let nobody = Secret::from_bytes([0xff; 32]);
    let guess = || desk.enrol(&nobody, &request(1)).unwrap_err();
    for _ in 0..10 {
        assert!(matches!(guess(), NotIssued::Refused(Refusal::Unknown)));
    }
    assert!(matches!(guess(), NotIssued::TooOften(60)));
    assert_eq!(desk.enrolment.register().refusals().unwrap(), []);
    let elsewhere = "192.0.2.2".parse().unwrap();
    let secret = desk.invite(None);
    desk.enrolment
        .enrol(&secret, &request(1), elsewhere, NOW)
        .unwrap();
}

#[test]
fn a_withdrawn_token_is_worth_nothing() {
    let desk = Desk::new(Strictness::Enrolled);
    let secret = desk.invite(None);
    let register = desk.enrolment.register();
    let id = secret.digest().to_string();
    assert!(register.withdraw("no id", NOW).is_err());
    assert!(register.withdraw("00000000", NOW).is_err());
    assert_eq!(register.withdraw(&id[..8], NOW).unwrap(), id);
    let refused = desk.enrol(&secret, &request(1)).unwrap_err();
    assert!(matches!(refused, NotIssued::Refused(Refusal::Withdrawn)));
    assert_eq!(register.devices().unwrap(), []);
    let listed = register.tokens().unwrap();
    assert_eq!(listed[0].state(NOW).as_str(), "withdrawn");
}

#[test]
fn a_certificate_speaks_for_its_device_and_no_other_one() {
    let desk = Desk::new(Strictness::Enrolled);
    let first = desk.enrol(&desk.invite(None), &request(1)).unwrap();
    let enrolment = &desk.enrolment;
    let peer = showing(&first.der);
    assert!(enrolment.listen(&peer, NOW).is_ok());
    assert!(enrolment.admit(&peer, &device(1), NOW).is_ok());
    assert!(matches!(
        enrolment.admit(&peer, &device(2), NOW),
        Err(Unfit::Other(shown)) if shown == device(1)
    ));
    for refused in [
        enrolment.listen(&showing_nothing(), NOW),
        enrolment.admit(&showing_nothing(), &device(1), NOW),
    ] {
        assert!(matches!(refused, Err(Unfit::None)), "{refused:?}");
    }
    // Signed by this authority, and not by this console.
    let elsewhere = Desk::new(Strictness::Enrolled);
    let other = elsewhere
        .enrol(&elsewhere.invite(None), &request(1))
        .unwrap();
    assert!(matches!(
        enrolment.admit(&showing(&other.der), &device(1), NOW),
        Err(Unfit::Unknown)
    ));
    let end = NOW.after(Duration::from_secs(90 * 86_400));
    assert!(matches!(
        enrolment.admit(&peer, &device(1), end),
        Err(Unfit::Expired(_))
    ));
}

#[test]
fn where_all_are_listened_to_an_enrolled_device_still_needs_its_certificate() {
    let desk = Desk::new(Strictness::Open);
    let first = desk.enrol(&desk.invite(None), &request(1)).unwrap();
    let enrolment = &desk.enrolment;
    assert!(enrolment.listen(&showing_nothing(), NOW).is_ok());
    assert!(enrolment.admit(&showing_nothing(), &device(2), NOW).is_ok());
    assert!(matches!(
        enrolment.admit(&showing_nothing(), &device(1), NOW),
        Err(Unfit::None)
    ));
    assert!(matches!(
        enrolment.admit(&showing(&first.der), &device(2), NOW),
        Err(Unfit::Other(_))
    ));
}

#[test]
fn a_renewed_certificate_is_another_one_and_both_count() {
    let desk = Desk::new(Strictness::Enrolled);
    let first = desk.enrol(&desk.invite(None), &request(1)).unwrap();
    let (enrolment, next) = (&desk.enrolment, request(1));
    let peer = showing(&first.der);
    let second = enrolment.renew(&peer, &next, NOW).unwrap();
    assert!(second.is_new);
    let again = enrolment.renew(&peer, &next, NOW).unwrap();
    assert_eq!((again.is_new, &again.der), (false, &second.der));
    for der in [&first.der, &second.der] {
        assert!(enrolment.admit(&showing(der), &device(1), NOW).is_ok());
    }
    let other = enrolment.renew(&peer, &request(2), NOW).unwrap_err();
    assert!(matches!(other, NotIssued::Unfit(Unfit::Other(_))));
    let nobody = enrolment.renew(&showing_nothing(), &next, NOW).unwrap_err();
    assert!(matches!(nobody, NotIssued::Unfit(Unfit::None)));
}

#[test]
fn a_revoked_device_comes_back_with_a_token_of_its_own_alone() {
    let desk = Desk::new(Strictness::Enrolled);
    let old = desk.enrol(&desk.invite(None), &request(1)).unwrap();
    let enrolment = &desk.enrolment;
    let register = enrolment.register();
    assert!(register.revoke(&device(9), NOW).is_err());
    let before = register.revision().unwrap();
    assert_eq!(register.revoke(&device(1), NOW).unwrap(), 1);
    assert_eq!(register.revoke(&device(1), NOW).unwrap(), 0);
    assert_ne!(register.revision().unwrap(), before);
    assert_eq!(register.ended(NOW).unwrap(), [device(1)]);
    assert!(!enrolment.takes_from(&device(1)).unwrap());
    let peer = showing(&old.der);
    assert!(matches!(
        enrolment.admit(&peer, &device(1), NOW),
        Err(Unfit::Revoked(_))
    ));
    assert!(enrolment.renew(&peer, &request(1), NOW).is_err());

    let stranger = desk.enrol(&desk.invite(None), &request(1)).unwrap_err();
    assert!(matches!(
        stranger,
        NotIssued::Refused(Refusal::AlreadyEnrolled(_))
    ));
    let new = desk
        .enrol(&desk.invite(Some(device(1))), &request(1))
        .unwrap();
    assert!(enrolment.admit(&showing(&new.der), &device(1), NOW).is_ok());
    // The key that was revoked stays so.
    assert!(enrolment.admit(&peer, &device(1), NOW).is_err());
    assert_eq!(register.ended(NOW).unwrap(), []);
    let end = NOW.after(Duration::from_secs(90 * 86_400));
    assert_eq!(register.ended(end).unwrap(), [device(1)]);
    assert!(enrolment.takes_from(&device(1)).unwrap());
}

#[test]
fn without_the_authoritys_key_nothing_is_signed_and_the_token_is_not_used_up() {
    let desk = Desk::new(Strictness::Enrolled);
    let tls = desk.folder.path().join("tls");
    let secret = desk.invite(None);
    std::fs::rename(tls.join("ca-key.pem"), tls.join("elsewhere")).unwrap();
    let open = || {
        let life = Duration::from_secs(60);
        Enrolment::open(desk.folder.path(), &tls, Strictness::Enrolled, life)
    };
    let without = open().unwrap();
    assert!(!without.can_sign());
    let refused = without.enrol(&secret, &request(1), HOME, NOW).unwrap_err();
    assert!(refused.to_string().contains("ca-key.pem"), "{refused}");
    desk.enrol(&secret, &request(1)).unwrap();
    std::fs::write(tls.join("ca-key.pem"), "nonsense").unwrap();
    assert!(open().is_err());
}
