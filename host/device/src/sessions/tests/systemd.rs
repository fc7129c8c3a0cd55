//! What logind asks of systemd, which is process 1 and can't be started a second time:
//! scopes and services for users. Each job is done at once, and no unit is active unless
//! programs are said to linger.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use tokio::task::JoinHandle;

use super::super::bus::{Bus, Kind, Message, Writer};

const SYSTEMD: &str = "org.freedesktop.systemd1";
const MANAGER: &str = "org.freedesktop.systemd1.Manager";

/// Whether programs of a session are left when its user has logged out.
pub(super) type Lingering = Arc<AtomicBool>;

/// Answers on the bus at `address` until it ends.
pub(super) async fn stand_in(address: &str, lingering: Lingering) -> JoinHandle<()> {
    let mut bus = Bus::connect(address).await.unwrap();
    let own_name = Message {
        signature: "su".to_owned(),
        body: {
            let mut body = Writer::default();
            body.string(SYSTEMD);
            body.u32(0);
            body.into_bytes()
        },
        ..call(
            "org.freedesktop.DBus",
            "/org/freedesktop/DBus",
            "org.freedesktop.DBus",
            "RequestName",
        )
    };
    bus.ask(own_name).await.unwrap();
    tokio::spawn(async move {
        let mut job = 0;
        while let Ok(message) = bus.receive().await {
            if message.kind != Kind::Call {
                continue;
            }
            job += 1;
            let lingers = lingering.load(Ordering::SeqCst);
            for answer in answers(&message, job, lingers) {
                if bus.send(answer).await.is_err() {
                    return;
                }
            }
        }
    })
}

fn call(destination: &str, path: &str, interface: &str, member: &str) -> Message {
    Message::call(destination, path, interface, member, &[])
}

fn answers(asked: &Message, job: u32, lingers: bool) -> Vec<Message> {
    let reply = |kind| Message {
        reply_to: asked.serial,
        destination: asked.sender.clone(),
        ..Message::new(kind)
    };
    match asked.member.as_str() {
        "StartUnit" | "StopUnit" | "StartTransientUnit" => {
            let unit = asked.arguments().string().unwrap_or_default().to_owned();
            let path = format!("/org/freedesktop/systemd1/job/{job}");
            let accepted = Message {
                signature: "o".to_owned(),
                body: texts(&[&path]),
                ..reply(Kind::Return)
            };
            vec![accepted, job_removed(job, &path, &unit)]
        }
        // The scope of a login whose processes have all ended.
        "Abandon" if !lingers => vec![reply(Kind::Return), unit_removed(&asked.path)],
        "Get" if lingers => vec![Message {
            signature: "v".to_owned(),
            body: {
                let mut body = Writer::default();
                body.signature("s");
                body.string("active");
                body.into_bytes()
            },
            ..reply(Kind::Return)
        }],
        "Get" => vec![Message {
            error: "org.freedesktop.systemd1.NoSuchUnit".to_owned(),
            signature: "s".to_owned(),
            body: texts(&["it is not loaded"]),
            ..reply(Kind::Error)
        }],
        _ => vec![reply(Kind::Return)],
    }
}

fn job_removed(job: u32, path: &str, unit: &str) -> Message {
    let mut body = Writer::default();
    body.u32(job);
    for text in [path, unit, "done"] {
        body.string(text);
    }
    Message {
        signature: "uoss".to_owned(),
        body: body.into_bytes(),
        ..signal("JobRemoved")
    }
}

fn unit_removed(path: &str) -> Message {
    let escaped = path.rsplit('/').next().unwrap_or_default();
    let unit = escaped.replace("_2d", "-").replace("_2e", ".");
    Message {
        signature: "so".to_owned(),
        body: texts(&[&unit, path]),
        ..signal("UnitRemoved")
    }
}

fn signal(member: &str) -> Message {
    Message {
        path: "/org/freedesktop/systemd1".to_owned(),
        interface: MANAGER.to_owned(),
        member: member.to_owned(),
        ..Message::new(Kind::Signal)
    }
}

fn texts(all: &[&str]) -> Vec<u8> {
    let mut body = Writer::default();
    for text in all {
        body.string(text);
    }
    body.into_bytes()
}
