//! Action handler: wakes a neighbour by magic packets, or says how fit this device is to
//! wake one. Payload, link, broadcast and burst are chosen here; the host proves what is
//! sent. That a packet was sent is all that is told: who woke checks in by itself.

mod choice;
mod packet;

use std::net::Ipv4Addr;

use bailiwick_sdk::{
    ActionHandler, Failure, Request, network, progress,
    wake::{self, Carrier, Directed, Error},
};
use serde::{Deserialize, Serialize};

use choice::Way;

/// How often each packet is sent: one alone is easily lost.
const BURST: u8 = 3;

/// What an action asks for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
enum Arguments {
    Wake(Wake),
    Fitness(Fitness),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Wake {
    mac: String,
    target: Option<Ipv4Addr>,
    password: Option<String>,
    link: Option<String>,
    burst: Option<u8>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fitness {
    target: Ipv4Addr,
}

/// What was sent, and what could not be.
#[derive(Debug, Default, Serialize)]
struct Sent {
    sent: u32,
    links: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    failed: Vec<String>,
}

const SCHEMA: &str = r#"{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "Wake a neighbour",
  "type": "object",
  "additionalProperties": false,
  "minProperties": 1,
  "maxProperties": 1,
  "properties": {
    "wake": {
      "type": "object",
      "title": "Wake",
      "description": "Send magic packets for one device.",
      "additionalProperties": false,
      "required": ["mac"],
      "properties": {
        "mac": {
          "type": "string",
          "title": "Ethernet address",
          "description": "Of the card that sleeps, like 00:11:22:33:44:55."
        },
        "target": {
          "type": "string",
          "format": "ipv4",
          "title": "Address",
          "description": "Its last known IPv4 address: chooses link and broadcast address."
        },
        "password": {
          "type": "string",
          "title": "SecureOn password",
          "description": "4 or 6 bytes like 01:02:03:04, if the card wants one."
        },
        "link": {
          "type": "string",
          "title": "Link",
          "description": "Send on this link alone, and not where the address leads."
        },
        "burst": {
          "type": "integer",
          "minimum": 1,
          "maximum": 5,
          "title": "Burst",
          "description": "How often each packet is sent; 3 if it is not said."
        }
      }
    },
    "fitness": {
      "type": "object",
      "title": "Fitness",
      "description": "Send nothing; say how fit this device is to wake a target.",
      "additionalProperties": false,
      "required": ["target"],
      "properties": {
        "target": {
          "type": "string",
          "format": "ipv4",
          "title": "Address",
          "description": "IPv4 address of the device that sleeps."
        }
      }
    }
  }
}"#;

/// The handler. It keeps nothing.
#[derive(Debug)]
pub struct WakeOnLan;

impl ActionHandler for WakeOnLan {
    fn arguments_schema() -> String {
        SCHEMA.to_owned()
    }

    fn new() -> Self {
        Self
    }

    fn handle(&mut self, request: &Request) -> Result<String, Failure> {
        let asked = serde_json::from_str(&request.arguments)
            .map_err(|error| Failure::Arguments(error.to_string()))?;
        let links = network::links().map_err(|error| match error {
            network::Error::Denied => Failure::Denied("network".to_owned()),
            network::Error::Unavailable => {
                Failure::Failed("the device's links can't be read".to_owned())
            }
        })?;
        match asked {
            Arguments::Fitness(Fitness { target }) => json(&choice::fitness(&links, target)),
            Arguments::Wake(asked) => {
                let mac = packet::mac(&asked.mac).map_err(Failure::Arguments)?;
                let password = match &asked.password {
                    Some(text) => packet::password(text).map_err(Failure::Arguments)?,
                    None => Vec::new(),
                };
                let burst = asked.burst.unwrap_or(BURST);
                if !(1..=5).contains(&burst) {
                    return Err(Failure::Arguments("`burst` is 1 to 5".to_owned()));
                }
                let mut ways = choice::ways(&links, asked.target);
                if let Some(link) = &asked.link {
                    ways = choice::ways(&links, None);
                    ways.retain(|way| way.link == link);
                }
                send(&ways, &packet::magic(mac, &password), burst)
            }
        }
    }
}

fn send(ways: &[Way<'_>], payload: &[u8], burst: u8) -> Result<String, Failure> {
    let mut told = Sent::default();
    let mut last = None;
    for way in ways {
        progress::report(None, &format!("sending on {}", way.link));
        let before = told.sent;
        for carrier in carriers(way) {
            for _ in 0..burst {
                match wake::send(way.link, &carrier, payload) {
                    Ok(()) => told.sent += 1,
                    Err(error) => {
                        told.failed.push(format!("{}: {}", way.link, words(&error)));
                        last = Some(error);
                        // The same would be said of the rest of the burst.
                        break;
                    }
                }
            }
        }
        if told.sent > before {
            told.links.push(way.link.to_owned());
        }
    }
    match (told.sent, last) {
        (1.., _) => json(&told),
        (0, None) => Err(Failure::Failed(
            "no link is up that could carry it".to_owned(),
        )),
        (0, Some(Error::Denied)) => Err(Failure::Denied(
            "wake: no grant covers this address on these links".to_owned(),
        )),
        (0, Some(error)) => Err(Failure::Failed(words(&error))),
    }
}

/// Every way in which a packet may get there: cards differ in what they listen for.
fn carriers(way: &Way<'_>) -> Vec<Carrier> {
    let mut carriers = vec![Carrier::Ethernet];
    if let Some(address) = way.broadcast {
        for port in [9, 7] {
            carriers.push(Carrier::Directed(Directed {
                address: address.to_string(),
                port,
            }));
        }
        carriers.push(Carrier::Limited(9));
    }
    carriers
}

fn words(error: &Error) -> String {
    match error {
        Error::Denied => "not granted".to_owned(),
        Error::NotMagic(reason) | Error::Link(reason) | Error::Unavailable(reason) => {
            reason.clone()
        }
        Error::TooOften(ms) => format!("the rate is used up for {ms} ms"),
    }
}

fn json(value: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string(value).map_err(|error| Failure::Failed(error.to_string()))
}

bailiwick_sdk::action_handler!(WakeOnLan);

#[cfg(test)]
mod tests {
    use bailiwick_sdk::fake::Device;

    use super::{choice::tests::link, *};

    fn ask(device: &Device, arguments: &str) -> Result<serde_json::Value, Failure> {
        let request = Request {
            id: "00".repeat(16),
            arguments: arguments.to_owned(),
            expires: 1,
        };
        device
            .run(|| WakeOnLan.handle(&request))
            .map(|told| serde_json::from_str(&told).unwrap())
    }

    fn device() -> Device {
        Device::new().links([
            link("eth0", "192.0.2.70", 26),
            link("eth1", "198.51.100.1", 24),
        ])
    }

    #[test]
    fn a_target_is_woken_on_its_own_link_in_every_way() {
        let device = device();
        let asked = r#"{"wake":{"mac":"52:54:00:01:02:03","target":"192.0.2.100","password":"01:02:03:04"}}"#;
        let told = ask(&device, asked).unwrap();
        assert_eq!(told["sent"], 12);
        let sent = device.sent();
        assert!(
            sent.iter()
                .all(|(link, _, payload)| link == "eth0" && payload.len() == 106)
        );
        let directed = sent.iter().find_map(|(_, carrier, _)| match carrier {
            Carrier::Directed(to) => Some(to.address.clone()),
            _ => None,
        });
        assert_eq!(directed.as_deref(), Some("192.0.2.127"));
        let frames = sent.iter().filter(|(_, by, _)| *by == Carrier::Ethernet);
        assert_eq!(frames.count(), 3);
    }

    #[test]
    fn fitness_sends_nothing() {
        let device = device();
        let told = ask(&device, r#"{"fitness":{"target":"198.51.100.9"}}"#).unwrap();
        assert_eq!(
            (&told["same-subnet"], &told["wired"]),
            (&true.into(), &true.into())
        );
        assert!(device.sent().is_empty());
    }

    #[test]
    fn refusals_say_whose_they_are() {
        let wake = r#"{"wake":{"mac":"52:54:00:01:02:03","burst":1}}"#;
        assert!(matches!(
            ask(&device().deny("wake"), wake),
            Err(Failure::Denied(_))
        ));
        assert!(matches!(
            ask(&device().deny("network"), wake),
            Err(Failure::Denied(_))
        ));
        let alone = Device::new().links([]);
        assert!(matches!(ask(&alone, wake), Err(Failure::Failed(_))));
        for broken in [
            "{}",
            r#"{"wake":{"mac":"ff:ff:ff:ff:ff:ff"}}"#,
            r#"{"wake":{"mac":"52:54:00:01:02:03","burst":9}}"#,
            r#"{"wake":{"mac":"52:54:00:01:02:03","password":"01"}}"#,
            r#"{"fitness":{}}"#,
        ] {
            assert!(
                matches!(ask(&device(), broken), Err(Failure::Arguments(_))),
                "{broken}"
            );
        }
        serde_json::from_str::<serde_json::Value>(SCHEMA).unwrap();
    }
}
