//! `bailiwick-console device`.

use std::{path::Path, time::Duration};

use anyhow::Context as _;
use bailiwick_core::{
    digest::Sha256,
    enrolment::{Secret, Token},
    time::Timestamp,
};
use serde_json::json;

use super::reports::time;
use crate::{
    cli_device::{Desk, DeviceVerb, Invite, Revoke, Withdraw},
    clock,
    enrolment::{self, Device, MadeToken, Register, Turned, authority_digest},
    store::read::Reader,
};

/// A token can be used for this long at most.
const LONGEST: Duration = Duration::from_secs(30 * 24 * 3_600);
/// Digits of a token's digest that name it.
const ID: usize = 12;

pub(super) fn run(verb: &DeviceVerb) -> anyhow::Result<()> {
    match verb {
        DeviceVerb::Invite(arguments) => invite(arguments),
        DeviceVerb::Tokens(desk) => tokens(desk),
        DeviceVerb::Withdraw(arguments) => withdraw(arguments),
        DeviceVerb::List(desk) => list(desk),
        DeviceVerb::Revoke(arguments) => revoke(arguments),
        DeviceVerb::Heads(desk) => heads(desk),
    }
}

fn heads(desk: &Desk) -> anyhow::Result<()> {
    for head in Reader::open(&desk.data)?.heads()? {
        if desk.json {
            let line = json!({
                "device": head.device, "head": head.head, "received-ms": head.received_ms,
            });
            println!("{line}");
        } else {
            println!("{} {}", head.device, head.head);
        }
    }
    Ok(())
}

fn register(desk: &Desk) -> anyhow::Result<Register> {
    anyhow::ensure!(
        desk.data.is_dir(),
        "there is no folder {}: name that of the console, as given to `serve`",
        desk.data.display()
    );
    Ok(Register::open(&desk.data)?)
}

fn invite(arguments: &Invite) -> anyhow::Result<()> {
    let desk = &arguments.desk;
    let valid = arguments.valid.get();
    anyhow::ensure!(
        (Duration::from_secs(1)..=LONGEST).contains(&valid),
        "--valid can't be {}: it takes 1 s to 30 d",
        arguments.valid
    );
    let register = register(desk)?;
    let folder = |given: &Option<_>, name| given.clone().unwrap_or_else(|| desk.data.join(name));
    let root = first_root(&folder(&arguments.public, "public"))?;
    let authority = authority_digest(&folder(&arguments.tls, "tls"))?;
    let addresses = match arguments.address.as_slice() {
        [] => vec![register.noted_address()?.context(
            "it is not known where devices reach this console: name it with \
             --address https://host:port/, or start `serve` at an address of its own",
        )?],
        given => given.to_vec(),
    };
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(|error| {
        anyhow::anyhow!("the operating system gives no random numbers: {error}")
    })?;
    let secret = Secret::from_bytes(secret);
    let digest = secret.digest();
    let token = Token::new(addresses, secret, authority, root, arguments.group.clone())?;
    let now = clock::now();
    let expires = now.after(valid);
    let invite = enrolment::Invite {
        token: digest,
        expires,
        device: arguments.device,
        group: arguments.group.clone(),
    };
    register.invite(&invite, now)?;
    if desk.json {
        let line = json!({
            "token": token.to_string(),
            "id": id(&digest.to_string()),
            "expires-ms": expires.as_ms(),
            "addresses": token.addresses(),
        });
        println!("{line}");
    } else {
        // The token alone on the standard output, for a script; what it is beside it.
        eprintln!(
            "token {} works once, until {}, for a console at {}; on the device, as root:\n  \
             bailiwick enrol --data /var/lib/bailiwick TOKEN",
            id(&digest.to_string()),
            time(whole(expires)),
            token.addresses().join(", "),
        );
        println!("{token}");
    }
    Ok(())
}

fn first_root(public: &Path) -> anyhow::Result<Sha256> {
    let path = public.join("1.root.json");
    let bytes = std::fs::read(&path).with_context(|| {
        format!(
            "{} can't be read: `bailiwick-console repo init` makes it, or name its folder with \
             --public",
            path.display()
        )
    })?;
    Ok(Sha256::of(&bytes))
}

fn tokens(desk: &Desk) -> anyhow::Result<()> {
    let now = clock::now();
    let tokens = register(desk)?.tokens()?;
    if tokens.is_empty() && !desk.json {
        println!("no tokens were made");
    }
    for token in tokens {
        let state = token.state(now).as_str();
        if desk.json {
            println!("{}", token_json(&token, state));
            continue;
        }
        let used = token
            .used
            .as_ref()
            .map(|(at_ms, device)| format!("used {} by {device}", time(*at_ms)));
        let made_for = token.device.as_deref().unwrap_or("a new device");
        let group = token
            .group
            .as_deref()
            .map(|group| format!(", group {group}"));
        println!(
            "{}  {state:<9}  made {}, until {}, for {made_for}{}  {}",
            id(&token.token),
            time(token.made_ms),
            time(token.expires_ms),
            group.unwrap_or_default(),
            used.unwrap_or_default(),
        );
    }
    Ok(())
}

fn token_json(token: &MadeToken, state: &str) -> serde_json::Value {
    json!({
        "id": id(&token.token),
        "state": state,
        "made-ms": token.made_ms,
        "expires-ms": token.expires_ms,
        "for-device": token.device,
        "group": token.group,
        "used-ms": token.used.as_ref().map(|used| used.0),
        "used-by": token.used.as_ref().map(|used| &used.1),
    })
}

fn withdraw(arguments: &Withdraw) -> anyhow::Result<()> {
    let token = register(&arguments.desk)?.withdraw(&arguments.id, clock::now())?;
    if arguments.desk.json {
        println!("{}", json!({ "withdrawn": id(&token) }));
    } else {
        println!("token {} is withdrawn", id(&token));
    }
    Ok(())
}

fn list(desk: &Desk) -> anyhow::Result<()> {
    let register = register(desk)?;
    let (devices, refusals) = (register.devices()?, register.refusals()?);
    let now = whole(clock::now());
    if devices.is_empty() && !desk.json {
        println!("no device is enrolled: `bailiwick-console device invite` makes a token for one");
    }
    for device in &devices {
        let state = state(device, now);
        if desk.json {
            println!("{}", device_json(device, state));
        } else {
            println!(
                "{}  {state:<8}  enrolled {}, certificate until {}",
                device.device,
                time(device.enrolled_ms),
                time(device.expires_ms),
            );
        }
    }
    for turned in &refusals {
        if desk.json {
            println!("{}", refusal_json(turned));
        } else {
            println!(
                "{}  token {} REFUSED, from {} as device {}: {}",
                time(turned.at_ms),
                id(&turned.token),
                turned.address,
                turned.device,
                turned.reason
            );
        }
    }
    Ok(())
}

fn state(device: &Device, now: i64) -> &'static str {
    match device.revoked_ms {
        Some(_) => "revoked",
        None if now >= device.expires_ms => "expired",
        None => "enrolled",
    }
}

fn device_json(device: &Device, state: &str) -> serde_json::Value {
    json!({
        "device": device.device,
        "state": state,
        "enrolled-ms": device.enrolled_ms,
        "issued-ms": device.issued_ms,
        "expires-ms": device.expires_ms,
        "revoked-ms": device.revoked_ms,
    })
}

fn refusal_json(turned: &Turned) -> serde_json::Value {
    json!({
        "refused": id(&turned.token),
        "at-ms": turned.at_ms,
        "device": turned.device,
        "address": turned.address,
        "reason": turned.reason,
        "alarm": turned.alarm,
    })
}

fn revoke(arguments: &Revoke) -> anyhow::Result<()> {
    let device = &arguments.device;
    let count = register(&arguments.desk)?.revoke(device, clock::now())?;
    if arguments.desk.json {
        println!(
            "{}",
            json!({ "revoked": device.to_string(), "certificates": count })
        );
    } else if count == 0 {
        println!("device {device} was revoked before");
    } else {
        println!("device {device} is revoked; `serve` closes its connection within a second");
    }
    Ok(())
}

/// What names a token to a person.
fn id(digest: &str) -> &str {
    digest.get(..ID).unwrap_or(digest)
}

fn whole(time: Timestamp) -> i64 {
    i64::try_from(time.as_ms()).unwrap_or(i64::MAX)
}
