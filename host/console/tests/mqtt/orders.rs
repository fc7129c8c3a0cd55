//! Actions that an operator hands to a broker, without a console between.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use bailiwick_core::{
    action::{ActionId, Envelope, Outcome},
    time::Timestamp,
};
use bailiwick_transport::{ProxySettings, Receipt, actions::OutcomeMessage, mqtt::Link};
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::timeout;

use crate::{
    bounded,
    desk::{DEVICE, Desk, Place},
    mosquitto::Mosquitto,
    process::{Process, free_port},
};

/// Ends a program as an administrator does, and waits for the end.
fn end(mut program: Process) {
    let id = i32::try_from(program.0.id()).ok().and_then(Pid::from_raw);
    kill_process(id.unwrap(), Signal::TERM).unwrap();
    program.0.wait().unwrap();
}

/// In which nothing comes that is not there.
const A_WHILE: Duration = Duration::from_secs(2);

/// A signed action for whom `audience` names.
fn signed(desk: &Desk, name: &str, audience: &[&str]) -> (ActionId, PathBuf) {
    let at = |end: &str| desk.file(&format!("{name}.{end}"));
    let (keys, draft, envelope) = (desk.file("keys"), at("draft"), at("signed"));
    if !keys.join("anna.json").exists() {
        fs::create_dir_all(&keys).unwrap();
        desk.tell(&["action", "key", "--name", "anna", "--out", text(&keys)]);
    }
    let mut arguments = vec!["action", "draft", "--handler", "run-program"];
    arguments.extend(["--arguments", "{}", "--out", text(&draft)]);
    arguments.extend(audience);
    desk.tell(&arguments);
    let key = keys.join("anna.json");
    let sign = ["action", "sign", "--key", text(&key), "--out"];
    desk.tell(&[&sign[..], &[text(&envelope), text(&draft)]].concat());
    let id = Envelope::parse(&fs::read(&envelope).unwrap()).unwrap().id();
    (id, envelope)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// `action send` to a broker, with more arguments: whether it went well, and what it said.
fn send(desk: &Desk, envelope: &Path, broker: &str, more: &[&str]) -> (bool, String) {
    let ca = desk.tls("ca.pem");
    let fixed = ["action", "send", text(envelope), "--broker", broker, "--ca"];
    let output = desk.command(&[&fixed[..], &[text(&ca)], more].concat());
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}

#[tokio::test]
async fn a_device_that_is_away_has_its_action_from_mosquitto_when_it_is_back() {
    let Some(program) = bailiwick_needs::program("mosquitto") else {
        return;
    };
    bounded(async {
        let desk = Desk::new();
        let mosquitto = Mosquitto::new(program, &desk);
        let address = format!("mqtts://127.0.0.1:{}", mosquitto.port);
        let broker = mosquitto.start();
        let id = DEVICE.to_string();
        let (action, envelope) = signed(&desk, "one", &["--device", &id]);
        let (went, said) = send(&desk, &envelope, &address, &[]);
        assert!(
            went && said.contains(&format!("sent {action} to {address}")),
            "{said}"
        );
        // Retained: not even an end of the broker, as an administrator ends it, loses it.
        end(broker);
        let _broker = mosquitto.start();
        let direct = ProxySettings::direct();
        let device = desk.device(&address, &direct);
        let got = device.action().await.unwrap();
        assert_eq!(got, fs::read(&envelope).unwrap(), "as it was signed");

        // One that is there has it at once, and another device has nothing of it.
        let (_, second) = signed(&desk, "two", &["--device", &id]);
        assert!(send(&desk, &second, &address, &[]).0);
        assert_eq!(device.action().await.unwrap(), fs::read(&second).unwrap());
        let (_, foreign) = signed(&desk, "three", &["--device", &"0".repeat(32)]);
        assert!(send(&desk, &foreign, &address, &[]).0);
        assert!(timeout(A_WHILE, device.action()).await.is_err());

        // A console at that broker, which never heard of them, takes each away when its
        // outcome is there.
        let _console = desk.serve(&Place::Client(address.clone()));
        let outcome = OutcomeMessage {
            device: DEVICE,
            action,
            at: Timestamp::from_ms(1_795_000_000_000),
            outcome: Outcome::Done {
                result: "{}".to_owned(),
            },
        };
        let body = serde_json::to_vec(&outcome).unwrap();
        let told = device.outcome(&outcome.key(), body).await;
        assert_eq!(told, Ok(Receipt::Stored));
        drop(device);
        let again = desk.device(&address, &direct);
        assert_eq!(again.action().await.unwrap(), fs::read(&second).unwrap());
        assert!(timeout(A_WHILE, again.action()).await.is_err());
    })
    .await;
}

#[tokio::test]
async fn who_may_not_hand_in_and_what_can_not_be_placed_is_told() {
    let (Some(program), Some(passwd)) = (
        bailiwick_needs::program("mosquitto"),
        bailiwick_needs::program("mosquitto_passwd"),
    ) else {
        return;
    };
    bounded(async {
        let desk = Desk::new();
        let id = DEVICE.to_string();
        let users = [("console", "c"), (id.as_str(), "d")];
        let mosquitto = Mosquitto::new(program, &desk).guarded(&passwd, &users);
        let address = format!("mqtts://127.0.0.1:{}", mosquitto.port);
        let _broker = mosquitto.start();
        let device = desk.device_as(&address, &id, "d");
        let mut link = device.link();
        link.wait_for(|link| matches!(link, Link::Up(_)))
            .await
            .unwrap();
        let (_, envelope) = signed(&desk, "one", &["--device", &id]);
        let (_, group) = signed(&desk, "group", &["--group", "office"]);
        let login = |user, password| desk.login(user, password);
        let with = |file: &Path| send(&desk, &envelope, &address, &["--login", text(file)]);

        let (went, said) = send(&desk, &envelope, &address, &[]);
        assert!(
            !went && said.contains("does not let this client in"),
            "{said}"
        );
        let (went, said) = with(&login("console", "wrong"));
        assert!(
            !went && said.contains("does not let this client in"),
            "{said}"
        );
        let (went, said) = send(&desk, &group, &address, &[]);
        assert!(
            !went && said.contains("send it with --to, or name devices"),
            "{said}"
        );
        let nobody = format!("mqtts://127.0.0.1:{}", free_port());
        let (went, said) = send(&desk, &envelope, &nobody, &[]);
        assert!(
            !went && said.contains("the broker did not take it"),
            "{said}"
        );
        assert!(timeout(A_WHILE, device.action()).await.is_err());

        let (went, said) = with(&login("console", "c"));
        assert!(went, "{said}");
        assert_eq!(device.action().await.unwrap(), fs::read(&envelope).unwrap());
    })
    .await;
}
