//! Which devices are this console's, as the page tells it.

use std::net::{IpAddr, Ipv4Addr};

use bailiwick_core::{enrolment::Secret, ids::DeviceId};
use bailiwick_transport::enrol::{DeviceKey, Request};

use super::desk::{DEVICE, Desk, LIFE, device, enrolment};
use crate::{
    clock::now,
    enrolment::{Enrolment, Invite},
    page::Role,
};

const HOME: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

fn invite(enrolment: &Enrolment, byte: u8, device: Option<DeviceId>) -> Secret {
    let secret = Secret::from_bytes([byte; 32]);
    let invite = Invite {
        token: secret.digest(),
        expires: now().after(LIFE),
        device,
        group: Some("front-desks".parse().unwrap()),
    };
    enrolment.register().invite(&invite, now()).unwrap();
    secret
}

fn request(device: DeviceId) -> Request {
    let key = DeviceKey::generate().unwrap();
    Request::read(&key.request(&device).unwrap()).unwrap()
}

#[tokio::test]
async fn certificates_invitations_and_stolen_tokens_are_told() {
    let desk = Desk::open().await;
    let viewer = desk.log_in(Role::Viewer).await;
    let page = desk.get("/", &viewer).await.body;
    assert!(
        page.contains("No devices yet") && page.contains("device invite"),
        "{page}"
    );

    let enrolment = enrolment(desk.folder.path());
    let secret = invite(&enrolment, 1, None);
    let page = desk.get("/", &viewer).await.body;
    assert!(
        page.contains("1 device invited and not enrolled yet"),
        "{page}"
    );
    assert!(
        page.contains("front-desks") && page.contains("a new device"),
        "{page}"
    );
    let id = secret.digest().to_string();
    assert!(page.contains(&id[..12]) && !page.contains(&id), "{page}");

    let own = DeviceId::from_bytes(DEVICE);
    enrolment
        .enrol(&secret, &request(own), HOME, now())
        .unwrap();
    desk.report("plain").await;
    let page = desk.get("/", &viewer).await.body;
    assert!(!page.contains("invited and not"), "{page}");
    assert!(
        page.contains(r#"data-label="Certificate">until <time"#),
        "{page}"
    );
    let place = format!("/devices/{}", device());
    let shown = desk.get(&place, &viewer).await.body;
    assert!(shown.contains("<dt>Certificate until</dt>"), "{shown}");

    // Somebody else had the token, too.
    enrolment
        .enrol(&secret, &request(own), HOME, now())
        .unwrap_err();
    let page = desk.get("/", &viewer).await.body;
    assert!(
        page.contains("has shown a token that is not theirs"),
        "{page}"
    );
    assert!(page.contains("<code>192.0.2.1</code>"), "{page}");
    let revoke = format!("bailiwick-console device revoke --data DIR {}", device());
    assert!(page.contains(&revoke), "{page}");
    // A token that was made for one device, shown by another.
    let meant = invite(&enrolment, 2, Some(own));
    let other = DeviceId::from_bytes([0x77; 16]);
    enrolment
        .enrol(&meant, &request(other), HOME, now())
        .unwrap_err();
    let page = desk.get("/", &viewer).await.body;
    let id = meant.digest().to_string();
    let withdraw = format!("device withdraw --data DIR {}", &id[..12]);
    assert!(page.contains(&withdraw), "{page}");

    enrolment.register().revoke(&own, now()).unwrap();
    let page = desk.get("/", &viewer).await.body;
    assert!(
        page.contains(r#"<span class="state bad">Revoked</span>"#),
        "{page}"
    );
    let shown = desk.get(&place, &viewer).await.body;
    let again = format!("device invite --data DIR --device {}", device());
    assert!(
        shown.contains("not listened to") && shown.contains(&again),
        "{shown}"
    );
}

#[tokio::test]
async fn a_device_without_a_certificate_says_so() {
    let desk = Desk::open().await;
    desk.report("plain").await;
    let viewer = desk.log_in(Role::Viewer).await;
    let page = desk.get("/", &viewer).await.body;
    assert!(
        page.contains("not enrolled") && !page.contains("has shown a token"),
        "{page}"
    );
    let shown = desk
        .get(&format!("/devices/{}", device()), &viewer)
        .await
        .body;
    assert!(shown.contains("it was not enrolled here"), "{shown}");
}
