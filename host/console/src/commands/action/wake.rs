//! Waking a device through its neighbours: who is fit is asked first, then two or three send.

use anyhow::Context as _;
use bailiwick_core::{
    action::{ActionId, Audience, Order, Outcome},
    ids::DeviceId,
};
use bailiwick_repository as repository;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    draft::{audience, compose},
    fitness::{self, Answer},
    send::hand_in,
    sign::seal,
    watch::{FAILED, GIVEN_UP, Until, ended, find, follow, given_up, plain, words},
};
use crate::{
    actions::{Ledger, Told},
    cli_action::Wake,
    commands::repo::tell_as,
};

/// The plugin that is asked.
const HANDLER: &str = "wake-on-lan";

/// What the plugin answers once it has sent.
#[derive(Deserialize)]
struct Sent {
    sent: u64,
    #[serde(default)]
    links: Vec<String>,
    #[serde(default)]
    failed: Vec<String>,
}

pub(super) fn wake(arguments: &Wake) -> anyhow::Result<()> {
    let (within, settle) = (arguments.within.get(), arguments.settle.get());
    anyhow::ensure!(
        settle < within,
        "--settle is a part of --within: make it shorter"
    );
    let key = repository::Key::load(&arguments.key)?;
    let ledger = Ledger::open_to_read(&arguments.data)?;
    let (all, settled) = (Until::within(within), Until::within(settle));

    let asked = json!({ "fitness": { "target": arguments.target } });
    let meant = audience(arguments.group.as_ref(), &arguments.device);
    let action = order(arguments, &key, meant, &asked)?;
    tell_asked(arguments, &action);
    follow(&ledger, &action, settled, |_| Ok(()), fitness::all_told)?;
    let answers = fitness::answers(&find(&ledger, &action)?);
    let chosen = fitness::chosen(&answers, arguments.bridges.into());
    tell_answers(arguments, &answers, &chosen);
    if chosen.is_empty() {
        eprintln!("bailiwick-console: no device is fit to wake it, so nothing was sent");
        let silent = answers.iter().all(|(_, answer)| *answer == Answer::Silent);
        std::process::exit(if silent { GIVEN_UP } else { FAILED });
    }

    let asked = wake_arguments(arguments);
    let devices = chosen.len();
    let action = order(arguments, &key, Audience::Devices(chosen), &asked)?;
    let words = format!("asked the {devices} chosen to wake it (action {action})");
    let line = json!({ "step": "asked-to-wake", "action": action, "devices": devices });
    tell_as(arguments.json, &line, &words);
    let tell = |told: &Told| {
        if told.outcome.is_some() {
            tell_sent(arguments, told);
        }
        Ok(())
    };
    let code = follow(&ledger, &action, all, tell, |found| ended(found, devices))?;
    let code = code.unwrap_or_else(given_up);
    if !arguments.json {
        println!("sent is not woke: whoever wakes checks in by itself");
    }
    std::process::exit(code);
}

/// Signs and sends; gives the action's id. It begins within the time that it is waited for,
/// or not at all: nobody is to be woken by a bridge that comes back tomorrow.
fn order(
    arguments: &Wake,
    key: &repository::Key,
    audience: Audience,
    asked: &Value,
) -> anyhow::Result<ActionId> {
    let asked = Order::Run {
        arguments: asked.to_string(),
    };
    let handler = HANDLER.parse().map_err(anyhow::Error::msg)?;
    // Clocks differ, by less than this.
    let expires_in = arguments.within.get() + std::time::Duration::from_secs(60);
    let draft = compose(asked, handler, audience, expires_in)?;
    let envelope = seal(&draft, key)?;
    hand_in(&envelope, &arguments.to, arguments.ca.as_deref())
        .context("the action could not be handed in")?;
    Ok(draft.id)
}

fn wake_arguments(arguments: &Wake) -> Value {
    let mut wake = json!({ "mac": arguments.mac, "target": arguments.target });
    if let Some(password) = &arguments.password {
        wake["password"] = password.as_str().into();
    }
    json!({ "wake": wake })
}

fn tell_asked(arguments: &Wake, action: &ActionId) {
    let whom = match &arguments.group {
        Some(group) => format!("the devices of the group {group}"),
        None if arguments.device.len() == 1 => "1 device".to_owned(),
        None => format!("{} devices", arguments.device.len()),
    };
    let words = format!("asked {whom} how fit to wake it (action {action})");
    let devices: Vec<_> = arguments.device.iter().map(ToString::to_string).collect();
    let group = arguments.group.as_ref().map(ToString::to_string);
    let line = json!({
        "step": "asked-for-fitness", "action": action, "group": group, "devices": devices,
    });
    tell_as(arguments.json, &line, &words);
}

fn tell_answers(arguments: &Wake, answers: &[(DeviceId, Answer)], chosen: &[DeviceId]) {
    for (device, answer) in answers {
        let picked = chosen.contains(device);
        let line = json!({
            "step": "fitness", "device": device.to_string(), "chosen": picked,
            "fit": matches!(answer, Answer::Fit { .. }), "why": answer.sentence(),
        });
        let mark = if picked { " - chosen" } else { "" };
        let words = format!("  {device}  {}{mark}", answer.sentence());
        tell_as(arguments.json, &line, &words);
    }
}

fn tell_sent(arguments: &Wake, told: &Told) {
    let sent = packets(told);
    let line = json!({
        "step": "sent", "device": told.device, "outcome": told.outcome,
        "packets": sent.as_ref().map_or(0, |sent| sent.sent),
    });
    let words = format!("  {}  {}", told.device, sentence(told, sent.as_ref()));
    tell_as(arguments.json, &line, &words);
}

fn packets(told: &Told) -> Option<Sent> {
    match &told.outcome {
        Some(Outcome::Done { result }) => serde_json::from_str(result).ok(),
        _ => None,
    }
}

fn sentence(told: &Told, sent: Option<&Sent>) -> String {
    let Some(Sent {
        sent,
        links,
        failed,
    }) = sent
    else {
        return words(told);
    };
    let mut words = format!("sent {sent} packets on {}", links.join(", "));
    if !failed.is_empty() {
        words += &format!("; could not send: {}", failed.join("; "));
    }
    plain(&words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_and_what_could_not_be_is_said() {
        let told = |outcome| Told {
            device: "00".repeat(16),
            outcome: Some(outcome),
            at_ms: None,
            received_ms: None,
            percent: None,
            words: None,
        };
        let result = r#"{"sent":9,"links":["eth0"],"failed":["eth0: not granted"]}"#.to_owned();
        let done = told(Outcome::Done { result });
        assert_eq!(
            sentence(&done, packets(&done).as_ref()),
            "sent 9 packets on eth0; could not send: eth0: not granted"
        );
        let cut = told(Outcome::TimedOut);
        assert_eq!(sentence(&cut, packets(&cut).as_ref()), "ran out of time");
    }
}
