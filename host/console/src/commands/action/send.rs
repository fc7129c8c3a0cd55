//! Handing envelopes in.

use std::{path::Path, time::Duration};

use anyhow::Context as _;
use bailiwick_core::action::{Audience, Envelope};
use bailiwick_transport::{
    Address, BrokerAddress, Connector, Https, ProxySettings, SendError, Trust,
    actions::Outbound,
    mqtt::{Client, ClientOptions, Event, Keep, Login, topic::Topic, wire},
};
use serde_json::json;
use tokio::time::timeout;

use super::read;
use crate::{cli_action::Send, commands::repo::tell_as};

/// For the broker to take an envelope.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) fn send(arguments: &Send) -> anyhow::Result<()> {
    let envelope = Envelope::parse(&read(&arguments.envelope)?)?;
    let ca = arguments.ca.as_deref();
    let to = match (&arguments.to, &arguments.broker) {
        (Some(address), _) => {
            hand_in(&envelope, address, ca)?;
            address.to_string()
        }
        (None, Some(address)) => {
            let login = arguments.login.as_deref().map(Login::read).transpose()?;
            let connector = Connector::new(&trust(ca), &proxy())?;
            runtime()?.block_on(to_broker(connector, address, login, &envelope))?;
            address.to_string()
        }
        (None, None) => anyhow::bail!("name the console with --to, or a broker with --broker"),
    };
    let id = envelope.id();
    let words =
        format!("sent {id} to {to}\n  next: bailiwick-console action watch --data DIR {id}");
    tell_as(arguments.json, &json!({ "sent": id, "to": to }), &words);
    Ok(())
}

/// Hands an envelope to the console at `address`.
pub(super) fn hand_in(
    envelope: &Envelope,
    address: &Address,
    ca: Option<&Path>,
) -> anyhow::Result<()> {
    let https = Https::new(&trust(ca), &proxy())?;
    runtime()?.block_on(to_console(&https, address, envelope))
}

fn trust(ca: Option<&Path>) -> Trust {
    match ca {
        Some(file) => Trust::os().and_file(file),
        None => Trust::os(),
    }
}

fn proxy() -> ProxySettings {
    ProxySettings::new(None, |name| std::env::var(name).ok())
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
}

async fn to_console(https: &Https, address: &Address, envelope: &Envelope) -> anyhow::Result<()> {
    let outbound = Outbound::envelopes(https, address);
    let key = envelope.id().to_string();
    match outbound.send(&key, envelope.to_bytes()).await {
        Ok(_) => Ok(()),
        Err(SendError::Refused { reason }) => anyhow::bail!("the console refuses it: {reason}"),
        Err(error) => Err(error).context("the console did not take it"),
    }
}

/// Retained, so that a device that is away has it when it is back. A console at that broker
/// takes it away when the outcome has come; without one it stays until somebody does.
async fn to_broker(
    connector: Connector,
    address: &BrokerAddress,
    login: Option<Login>,
    envelope: &Envelope,
) -> anyhow::Result<()> {
    let Audience::Devices(devices) = &envelope.document().audience else {
        anyhow::bail!(
            "only a console knows which devices are in a group: send it with --to, or name devices"
        );
    };
    let action = envelope.id();
    let options = ClientOptions {
        address: address.clone(),
        client_id: format!("bailiwick-action-{action}"),
        login,
        keep: Keep::Nothing,
        subscriptions: Vec::new(),
        longest: wire::LONGEST_PACKET,
    };
    let (client, mut events) = Client::start(connector, options);
    let deliveries: Vec<_> = devices
        .iter()
        .map(|device| {
            let device = *device;
            let topic = Topic::Action { device, action }.to_string();
            client.retain(topic, envelope.to_bytes().into())
        })
        .collect();
    let delivered = async {
        for delivery in deliveries {
            delivery.await?;
        }
        anyhow::Ok(())
    };
    let told = async {
        while let Some(event) = events.next().await {
            if let Event::Disconnected { reason, .. } = event {
                return reason;
            }
        }
        "the connection ended".to_owned()
    };
    tokio::select! {
        delivered = timeout(PATIENCE, delivered) => {
            delivered.context("the broker did not take it in time")?
        }
        reason = told => anyhow::bail!("the broker did not take it: {reason}"),
    }
}
