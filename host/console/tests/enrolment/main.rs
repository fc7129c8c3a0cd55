//! Enrolment with the real console: who gets a certificate, what it is worth, and when it is
//! worth nothing any more.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test ends at its first surprise")]

mod desk;
mod foreign;
#[path = "../mqtt/process.rs"]
mod process;

use std::{process::Command, time::Duration};

use bailiwick_core::{ids::DeviceId, ports::Fetch as _};
use bailiwick_transport::{
    Address, Endpoint, EventLine, Events, Https, ProxySettings, Receipt, Reports, SendError, Trust,
    enrol::{DeviceKey, EnrolError, Enroller},
    mqtt::{Device, Link},
};

use desk::{Desk, Served, enrol, report};

/// For a whole story on a machine that builds meanwhile.
const LIMIT: Duration = Duration::from_secs(240);

async fn bounded(story: impl Future<Output = ()>) {
    tokio::time::timeout(LIMIT, story).await.unwrap();
}

/// Why `device` does not reach its broker.
async fn down(device: &Device) -> String {
    let mut link = device.link();
    let down = link.wait_for(|link| matches!(link, Link::Down(_))).await;
    match down.unwrap().clone() {
        Link::Down(reason) => reason,
        other => panic!("{other:?}"),
    }
}

fn refused<T: std::fmt::Debug>(answer: Result<T, EnrolError>) -> String {
    match answer {
        Err(EnrolError::Refused(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

/// What is kept for another attempt, and why.
fn kept(answer: Result<Receipt, SendError>) -> String {
    match answer {
        Err(SendError::Retry { reason, .. }) => reason,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_token_is_worth_one_certificate_and_a_second_use_is_told() {
    bounded(async {
        let desk = Desk::new();
        let served = desk.serve(&[]);
        let token = desk.invite(&["--group", "pilot"]);
        assert_eq!(token.group.as_ref().unwrap().as_str(), "pilot");
        assert_eq!(token.addresses(), [served.address.to_string()]);
        let (id, key) = (
            DeviceId::from_bytes([1; 16]),
            DeviceKey::generate().unwrap(),
        );
        let first = enrol(&served, &token, id, &key).await.unwrap();
        assert_eq!(first.certificate.device(), id);
        let port = served.mqtt.rsplit(':').next().unwrap();
        assert_eq!(
            first.mqtt.as_deref(),
            Some(&*format!("mqtts://127.0.0.1:{port}"))
        );
        // The answer may have been lost.
        let again = enrol(&served, &token, id, &key).await.unwrap();
        assert_eq!(again.pem, first.pem);

        let thief = DeviceKey::generate().unwrap();
        for id in [1, 2] {
            let stolen = enrol(&served, &token, DeviceId::from_bytes([id; 16]), &thief).await;
            let reason = refused(stolen);
            assert!(reason.contains("used already"), "{reason}");
        }
        let listed = desk.device("list", &[]);
        assert_eq!(listed.len(), 3, "{listed:?}");
        assert_eq!(listed[0]["state"], "enrolled");
        assert_eq!(listed[1]["alarm"], true);
        assert_eq!(listed[1]["address"], "127.0.0.1");
        let told = desk.events("token-refused");
        assert_eq!(told.len(), 2);
        assert_eq!(told[0]["device"], id.to_string());
        assert_eq!(desk.events("enrolled").len(), 1);
        assert_eq!(desk.device("tokens", &[])[0]["state"], "used");
        // Of the secret there is nothing on the disk.
        let register = std::fs::read(desk.path("enrolment.sqlite")).unwrap();
        let secret = token.secret.as_bytes();
        assert!(!register.windows(32).any(|bytes| bytes == secret));
    })
    .await;
}

#[tokio::test]
async fn tokens_that_came_late_were_withdrawn_or_are_for_another_console_are_refused() {
    bounded(async {
        let desk = Desk::new();
        let served = desk.serve(&[]);
        let (id, key) = (
            DeviceId::from_bytes([1; 16]),
            DeviceKey::generate().unwrap(),
        );
        let short = desk.invite(&["--valid", "1 s"]);
        while desk.device("tokens", &[])[0]["state"] != "expired" {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let reason = refused(enrol(&served, &short, id, &key).await);
        assert!(reason.contains("has expired"), "{reason}");
        let withdrawn = desk.invite(&[]);
        let listed = desk.device("tokens", &[]);
        let waiting = listed.iter().find(|token| token["state"] == "waits");
        let waiting = waiting.unwrap()["id"].as_str().unwrap().to_owned();
        desk.device("withdraw", &[&waiting]);
        let reason = refused(enrol(&served, &withdrawn, id, &key).await);
        assert!(reason.contains("withdrawn"), "{reason}");

        // Another console's token: its authority does not vouch for this one.
        let other = Desk::new();
        let other_served = other.serve(&[]);
        let token = other.invite(&[]);
        let answer = enrol(&served, &token, id, &key).await;
        let Err(EnrolError::Unanswered(reason)) = answer else {
            panic!("{answer:?}");
        };
        assert!(
            reason.contains("not the console that the token is for"),
            "{reason}"
        );
        // And the right authority with a secret that nobody made.
        let mut forged = desk.invite(&[]);
        forged.secret = token.secret;
        let reason = refused(enrol(&served, &forged, id, &key).await);
        assert!(reason.contains("does not know the token"), "{reason}");
        drop(other_served);
        assert!(
            desk.device("list", &[])
                .iter()
                .all(|line| line["refused"].is_string())
        );
    })
    .await;
}

#[tokio::test]
async fn a_certificate_speaks_for_its_device_alone_over_https() {
    bounded(async {
        let desk = Desk::new();
        let served = desk.serve(&[]);
        let (own, other) = (desk.enrol(&served, 1).await, desk.enrol(&served, 2).await);
        let reports = desk.reports(&served, &own);
        let sent = reports.send("own", report(own.id, "inventory")).await;
        assert_eq!(sent, Ok(Receipt::Stored));
        let as_other = reports.send("other", report(other.id, "inventory")).await;
        assert!(
            matches!(&as_other, Err(SendError::Refused { reason }) if reason.contains("may speak for itself alone")),
            "{as_other:?}"
        );
        let event = EventLine {
            device: other.id,
            at: bailiwick_core::time::Timestamp::from_ms(1),
            words: String::new(),
            event: serde_json::json!({ "event": "started" }), log: None };
        let events = Events::new(&desk.https(&own), &served.address);
        let told = events.send("events", std::slice::from_ref(&event)).await;
        assert!(matches!(told, Err(SendError::Refused { .. })), "{told:?}");
        let nobody = desk.nobody();
        let reason = kept(
            Reports::new(&nobody, &served.address)
                .send("nobody", report(own.id, "inventory"))
                .await,
        );
        assert!(reason.contains("403"), "{reason}");
        assert!(reason.contains("no certificate was shown"), "{reason}");
        let told = Events::new(&nobody, &served.address).send("nobody", &[event]).await;
        assert!(matches!(told, Err(SendError::Retry { .. })), "{told:?}");
        assert_eq!(desk.keys(), ["own"]);
        // Updates are for everybody.
        let updates: Address = format!("{}updates/", served.address).parse().unwrap();
        let root = Endpoint::new(&nobody, updates)
            .fetch("1.root.json", bailiwick_core::bytes::ByteCount::mib(1))
            .await;
        assert!(root.unwrap().is_some());
    })
    .await;
}

#[tokio::test]
async fn a_certificate_speaks_for_its_device_alone_over_mqtt() {
    bounded(async {
        let desk = Desk::new();
        let served = desk.serve(&[]);
        let (own, other) = (desk.enrol(&served, 1).await, desk.enrol(&served, 2).await);
        let websocket = served.websocket.clone().unwrap();
        for (index, broker) in [&served.mqtt, &websocket].into_iter().enumerate() {
            let device = desk.mqtt(broker, Some(&own), own.id);
            let key = format!("own-{index}");
            let plugin = format!("p{index}");
            let sent = device.report(plugin.parse().unwrap(), &key, report(own.id, &plugin));
            assert_eq!(sent.await, Ok(Receipt::Stored));
            // It is let in as itself alone.
            let as_other = down(&desk.mqtt(broker, Some(&own), other.id)).await;
            assert!(
                as_other.contains("does not let this client in"),
                "{as_other}"
            );
            let nobody = down(&desk.mqtt(broker, None, own.id)).await;
            assert!(nobody.contains("does not let this client in"), "{nobody}");
        }
        assert_eq!(desk.keys().len(), 2);
        other_programs_subscribe_to_their_own_alone(&desk, &served, &own, other.id).await;
    })
    .await;
}

async fn other_programs_subscribe_to_their_own_alone(
    desk: &Desk,
    served: &Served,
    own: &desk::Enrolment,
    other: DeviceId,
) {
    let Some(subscriber) = bailiwick_needs::program("mosquitto_sub") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = own.write(folder.path());
    let port = served.mqtt.rsplit(':').next().unwrap().to_owned();
    let ca = desk.path("tls/ca.pem");
    let id = own.id.to_string();
    let subscribe = |topic: String| {
        let mut command = Command::new("timeout");
        command.arg("30").arg(&subscriber);
        command.args(["-V", "mqttv311", "-h", "127.0.0.1", "-p", &port, "-i", &id]);
        command.args(["-q", "1", "-C", "1", "-W", "20", "-t", &topic, "--cafile"]);
        command.arg(&ca).arg("--cert").arg(&certificate);
        command.arg("--key").arg(&key).output().unwrap()
    };
    let hint = subscribe("bailiwick/1/all/hints/updates".to_owned());
    assert_eq!(String::from_utf8_lossy(&hint.stdout), "1\n", "{hint:?}");
    let denied = subscribe(format!("bailiwick/1/{other}/receipts/+"));
    assert!(
        String::from_utf8_lossy(&denied.stderr).contains("denied"),
        "{denied:?}"
    );
}

#[tokio::test]
async fn a_revoked_device_is_refused_at_once_and_can_be_enrolled_anew() {
    bounded(async {
        let desk = Desk::new();
        let served = desk.serve(&[]);
        let own = desk.enrol(&served, 1).await;
        let id = own.id.to_string();
        let connected = desk.mqtt(&served.mqtt, Some(&own), own.id);
        let up = |link: &Link| matches!(link, Link::Up(_));
        connected.link().wait_for(up).await.unwrap();
        desk.device("revoke", &[&id]);
        // Whoever is connected does not stay so, and is not let in again.
        let mut link = connected.link();
        let refused_entry = |link: &Link| {
            matches!(link, Link::Down(reason) if reason.contains("does not let this client in"))
        };
        link.wait_for(refused_entry).await.unwrap();
        let reports = desk.reports(&served, &own);
        let reason = kept(reports.send("k", report(own.id, "inventory")).await);
        assert!(reason.contains("was revoked"), "{reason}");
        let enroller = Enroller::new(&desk.https(&own), &served.address);
        let next = DeviceKey::generate().unwrap();
        let renewed = enroller.renew(next.request(&own.id).unwrap()).await;
        assert!(refused(renewed).contains("was revoked"));
        assert_eq!(desk.device("list", &[])[0]["state"], "revoked");

        let stranger = enrol(&served, &desk.invite(&[]), own.id, &next).await;
        assert!(refused(stranger).contains("--device"));
        let token = desk.invite(&["--device", &id]);
        let enrolled = enrol(&served, &token, own.id, &next).await.unwrap();
        let again = desk::Enrolment {
            id: own.id,
            key: next,
            enrolled,
        };
        let reports = desk.reports(&served, &again);
        let sent = reports.send("k", report(own.id, "inventory")).await;
        assert_eq!(sent, Ok(Receipt::Stored));
        assert_eq!(desk.device("list", &[])[0]["state"], "enrolled");
    })
    .await;
}

#[tokio::test]
async fn an_expired_certificate_is_told_what_to_do_and_a_renewed_one_goes_on() {
    bounded(async {
        let desk = Desk::new();
        let served = desk.serve(&["--certificate-life", "4 s"]);
        let own = desk.enrol(&served, 1).await;
        let enroller = Enroller::new(&desk.https(&own), &served.address);
        enroller.is_known_as(own.id).await.unwrap();
        let key = DeviceKey::generate().unwrap();
        let request = key.request(&own.id).unwrap();
        let enrolled = enroller.renew(request.clone()).await.unwrap();
        let again = enroller.renew(request).await.unwrap();
        assert_eq!(again.pem, enrolled.pem, "an answer may be lost");
        assert_ne!(enrolled.pem, own.enrolled.pem);
        let renewed = desk::Enrolment {
            id: own.id,
            key,
            enrolled,
        };
        let enroller = Enroller::new(&desk.https(&renewed), &served.address);
        enroller.is_known_as(own.id).await.unwrap();
        let reports = desk.reports(&served, &own);
        let reason = loop {
            let sent = reports.send("late", report(own.id, "inventory")).await;
            match sent {
                Ok(_) => tokio::time::sleep(Duration::from_millis(200)).await,
                Err(SendError::Retry { reason, .. }) => break reason,
                other => panic!("{other:?}"),
            }
        };
        assert!(reason.contains("has expired"), "{reason}");
        assert!(reason.contains(&format!("--device {}", own.id)), "{reason}");
    })
    .await;
}

#[tokio::test]
async fn what_a_console_can_not_do_it_says() {
    bounded(async {
        let desk = Desk::new();
        let invite = desk.try_run(&["device", "invite", "--data"], &[]);
        let words = String::from_utf8_lossy(&invite.stderr).into_owned();
        assert!(words.contains("--address"), "{words}");
        let with = ["--address", "https://desk.example:8443/"];
        assert_eq!(desk.invite(&with).addresses(), [with[1]]);
        for (arguments, why) in [
            (&["--address", "http://desk.example/"][..], "not https://"),
            (&["--valid", "31 d"], "--valid"),
            (&["--valid", "0 s"], "--valid"),
        ] {
            let refused = desk.try_run(&["device", "invite", "--data"], arguments);
            let words = String::from_utf8_lossy(&refused.stderr).into_owned();
            assert!(!refused.status.success() && words.contains(why), "{words}");
        }
        let unknown = desk.try_run(&["device", "revoke", "--data"], &[&"0".repeat(32)]);
        assert!(!unknown.status.success());
        std::fs::rename(desk.path("tls/ca-key.pem"), desk.path("ca-key.pem")).unwrap();
        let served = desk.serve(&[]);
        let token = desk.invite(&[]);
        let trust = Trust::authority(token.authority);
        let https = Https::new(&trust, &ProxySettings::direct()).unwrap();
        let request = DeviceKey::generate()
            .unwrap()
            .request(&DeviceId::from_bytes([1; 16]))
            .unwrap();
        let answer = Enroller::new(&https, &served.address)
            .enrol(&token.secret, request)
            .await;
        assert!(
            matches!(&answer, Err(EnrolError::Unanswered(reason)) if reason.contains("ca-key.pem")),
            "{answer:?}"
        );
    })
    .await;
}
