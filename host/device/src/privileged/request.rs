//! What can be asked, and how it is written: a version, a kind, then what the kind takes,
//! numbers in little-endian.

use std::net::Ipv4Addr;

use bailiwick_core::{
    action::ActionId,
    digest::Sha256,
    ids::DeviceId,
    policy::{ControlVerb, Found, PowerVerb},
    ports::WakeCarrier,
};
use rustix::process::Signal;

use crate::{
    power::apart::{Order as Power, Step},
    process_control::apart::Order,
    wake::apart::Packet,
};

/// Of this writing. Both ends are the same program; an agent that was replaced on disk while
/// it ran starts this one from its own copy.
const VERSION: u8 = 2;

/// Longest request, in bytes.
pub(crate) const LONGEST: usize = 8 * 1_024;

/// Most processes that are looked at for one request.
pub(crate) const MOST_PROCESSES: usize = 1_024;

/// Longest name of a probe.
const LONGEST_PROBE: usize = 64;

/// One request. The descriptors that come with it are, in their order, where the answer goes
/// and those that each kind names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// Start a keeper (see `exec`) with these streams: its output, its errors. What it shall run
    /// is told later, where the answer goes (see `ordered`).
    Keeper {
        /// Tells it from the agent's others.
        number: u64,
    },
    /// Start the compiler with these streams: its input, its output, its errors.
    Compiler {
        /// Address space, in bytes.
        memory: u64,
        /// Longest component, in bytes.
        component: u64,
        /// Processor time.
        cpu_seconds: u64,
        /// The probe that it makes; none if it compiles its input.
        probe: Option<String>,
    },
    /// Read what these processes moved, and which programs they run.
    Closely(Vec<Wanted>),
    /// Tell the other end of the connection that this process holds.
    Client(u32),
    /// Open the socket on which the kernel tells of processes that come and go.
    Notices,
    /// Connect to the system's bus, as nobody.
    Bus,
    /// Do something to the whole machine.
    Power(Power),
    /// Start who tells users something (see `message`) with these streams: its order, its answer,
    /// its errors.
    Teller,
    /// Send a packet that wakes a neighbour.
    Wake(Packet),
    /// Send a signal to the process whose descriptor comes with it.
    Signal(Order),
    /// An action of an operator begins, whose envelope comes with it in a file.
    Action,
    /// It has ended. Nothing comes with it, and nothing is answered.
    Ended(ActionId),
    /// Which device this is, told once. Nothing comes with it, and nothing is answered.
    Device(DeviceId),
    /// Something newer may have been signed. Nothing comes with it, and nothing is answered.
    Signed,
}

/// What is wanted of one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) pid: u32,
    /// Its program, too.
    pub(crate) program: bool,
}

impl Request {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        match self {
            Self::Keeper { number } => {
                bytes.push(1);
                bytes.extend(number.to_le_bytes());
            }
            Self::Compiler {
                memory,
                component,
                cpu_seconds,
                probe,
            } => {
                bytes.push(2);
                for number in [memory, component, cpu_seconds] {
                    bytes.extend(number.to_le_bytes());
                }
                bytes.extend(probe.as_deref().unwrap_or_default().as_bytes());
            }
            Self::Closely(all) => {
                bytes.push(3);
                for wanted in all {
                    bytes.extend(wanted.pid.to_le_bytes());
                    bytes.push(u8::from(wanted.program));
                }
            }
            Self::Client(pid) => {
                bytes.push(9);
                bytes.extend(pid.to_le_bytes());
            }
            Self::Notices => bytes.push(4),
            Self::Bus => bytes.push(14),
            Self::Power(order) => {
                bytes.push(11);
                bytes.extend(order.policy.as_bytes());
                bytes.extend([order.verb as u8, order.step as u8]);
                bytes.extend(order.pause_ms.to_le_bytes());
            }
            Self::Teller => bytes.push(5),
            Self::Signed => bytes.push(6),
            Self::Action => bytes.push(10),
            Self::Ended(action) => {
                bytes.push(12);
                bytes.extend(action.as_bytes());
            }
            Self::Device(device) => {
                bytes.push(13);
                bytes.extend(device.as_bytes());
            }
            Self::Signal(order) => {
                bytes.push(8);
                bytes.extend(order.policy.as_bytes());
                let signal = u8::try_from(order.signal.as_raw()).unwrap_or_default();
                bytes.extend([order.verb as u8, order.found as u8, signal]);
            }
            Self::Wake(packet) => {
                bytes.push(7);
                bytes.extend(packet.policy.as_bytes());
                let (carrier, port, address) = match packet.by {
                    WakeCarrier::Ethernet => (0, 0, Ipv4Addr::UNSPECIFIED),
                    WakeCarrier::Limited { port } => (1, port, Ipv4Addr::UNSPECIFIED),
                    WakeCarrier::Directed { address, port } => (2, port, address),
                };
                bytes.push(carrier);
                bytes.extend(port.to_le_bytes());
                bytes.extend(address.octets());
                // No link has a longer name (IFNAMSIZ of netdevice(7)).
                bytes.push(u8::try_from(packet.link.len()).unwrap_or(u8::MAX));
                bytes.extend(packet.link.as_bytes());
                bytes.extend(&packet.payload);
            }
        }
        bytes
    }

    /// None if this is no request.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (&[version, kind], rest) = bytes.split_first_chunk()?;
        if version != VERSION {
            return None;
        }
        match kind {
            1 => Some(Self::Keeper {
                number: u64::from_le_bytes(rest.try_into().ok()?),
            }),
            2 => {
                let (numbers, probe) = rest.split_at_checked(24)?;
                let mut numbers = numbers
                    .as_chunks()
                    .0
                    .iter()
                    .copied()
                    .map(u64::from_le_bytes);
                let probe = std::str::from_utf8(probe).ok()?;
                // It becomes an argument, and is none of the options.
                let is_name = |c: char| c.is_ascii_lowercase() || c == '-';
                let is_probe = probe.len() <= LONGEST_PROBE
                    && probe.chars().all(is_name)
                    && !probe.starts_with('-');
                is_probe.then_some(Self::Compiler {
                    memory: numbers.next()?,
                    component: numbers.next()?,
                    cpu_seconds: numbers.next()?,
                    probe: (!probe.is_empty()).then(|| probe.to_owned()),
                })
            }
            3 => {
                let (all, cut) = rest.as_chunks();
                if !cut.is_empty() || all.len() > MOST_PROCESSES {
                    return None;
                }
                all.iter()
                    .map(Wanted::read)
                    .collect::<Option<_>>()
                    .map(Self::Closely)
            }
            4 => rest.is_empty().then_some(Self::Notices),
            5 => rest.is_empty().then_some(Self::Teller),
            6 => rest.is_empty().then_some(Self::Signed),
            7 => packet(rest).map(Self::Wake),
            8 => signal(rest).map(Self::Signal),
            9 => Some(Self::Client(u32::from_le_bytes(rest.try_into().ok()?))),
            10 => rest.is_empty().then_some(Self::Action),
            11 => power(rest).map(Self::Power),
            12 => Some(Self::Ended(ActionId::from_bytes(rest.try_into().ok()?))),
            13 => Some(Self::Device(DeviceId::from_bytes(rest.try_into().ok()?))),
            14 => rest.is_empty().then_some(Self::Bus),
            _ => None,
        }
    }
}

fn power(bytes: &[u8]) -> Option<Power> {
    let (policy, rest) = bytes.split_first_chunk()?;
    let (&[verb, step], pause_ms) = rest.split_first_chunk()?;
    Some(Power {
        policy: Sha256::from_bytes(*policy),
        verb: *PowerVerb::ALL.get(usize::from(verb))?,
        step: match step {
            0 => Step::Look,
            1 => Step::Go,
            _ => return None,
        },
        pause_ms: u64::from_le_bytes(pause_ms.try_into().ok()?),
    })
}

fn signal(bytes: &[u8]) -> Option<Order> {
    let (policy, rest) = bytes.split_first_chunk()?;
    let [verb, found, signal] = *rest else {
        return None;
    };
    Some(Order {
        policy: Sha256::from_bytes(*policy),
        verb: *ControlVerb::ALL.get(usize::from(verb))?,
        found: *Found::ALL.get(usize::from(found))?,
        signal: Signal::from_named_raw(i32::from(signal))?,
    })
}

fn packet(bytes: &[u8]) -> Option<Packet> {
    let (policy, rest) = bytes.split_first_chunk()?;
    let (&[carrier, low, high, a, b, c, d, length], rest) = rest.split_first_chunk()?;
    let (port, address) = (u16::from_le_bytes([low, high]), Ipv4Addr::new(a, b, c, d));
    let by = match (carrier, port, address.is_unspecified()) {
        (0, 0, true) => WakeCarrier::Ethernet,
        (1, _, true) => WakeCarrier::Limited { port },
        (2, _, _) => WakeCarrier::Directed { address, port },
        _ => return None,
    };
    let (link, payload) = rest.split_at_checked(usize::from(length))?;
    let packet = Packet {
        policy: Sha256::from_bytes(*policy),
        link: std::str::from_utf8(link).ok()?.to_owned(),
        by,
        payload: payload.to_vec(),
    };
    Some(packet)
}

impl Wanted {
    fn read(bytes: &[u8; 5]) -> Option<Self> {
        let [a, b, c, d, program] = *bytes;
        Some(Self {
            pid: u32::from_le_bytes([a, b, c, d]),
            program: match program {
                0 => false,
                1 => true,
                _ => return None,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn requests() -> impl Strategy<Value = Request> {
        prop_oneof![
            any::<u64>().prop_map(|number| Request::Keeper { number }),
            (any::<[u64; 3]>(), proptest::option::of("[a-z][a-z-]{0,63}")).prop_map(
                |([memory, component, cpu_seconds], probe)| {
                    Request::Compiler {
                        memory,
                        component,
                        cpu_seconds,
                        probe,
                    }
                }
            ),
            proptest::collection::vec(any::<(u32, bool)>(), 0..=MOST_PROCESSES).prop_map(|all| {
                let wanted = |(pid, program)| Wanted { pid, program };
                Request::Closely(all.into_iter().map(wanted).collect())
            }),
            any::<u32>().prop_map(Request::Client),
            Just(Request::Notices),
            Just(Request::Bus),
            (any::<([u8; 32], bool, u64)>(), 0..5_usize).prop_map(
                |((policy, goes, pause_ms), verb)| {
                    Request::Power(Power {
                        policy: Sha256::from_bytes(policy),
                        verb: PowerVerb::ALL[verb],
                        step: if goes { Step::Go } else { Step::Look },
                        pause_ms,
                    })
                }
            ),
            Just(Request::Teller),
            Just(Request::Signed),
            Just(Request::Action),
            any::<[u8; 16]>().prop_map(|id| Request::Ended(ActionId::from_bytes(id))),
            any::<[u8; 16]>().prop_map(|id| Request::Device(DeviceId::from_bytes(id))),
            (any::<[u8; 32]>(), 0..3_usize, 0..4_usize, 1..31).prop_map(
                |(policy, verb, found, signal)| {
                    Request::Signal(Order {
                        policy: Sha256::from_bytes(policy),
                        verb: ControlVerb::ALL[verb],
                        found: Found::ALL[found],
                        signal: Signal::from_named_raw(signal).unwrap(),
                    })
                }
            ),
            (
                any::<([u8; 32], u16, [u8; 4])>(),
                0..3,
                "[a-z0-9]{0,15}",
                proptest::collection::vec(any::<u8>(), 0..=108),
            )
                .prop_map(|((policy, port, address), carrier, link, payload)| {
                    let address = address.into();
                    Request::Wake(Packet {
                        policy: Sha256::from_bytes(policy),
                        link,
                        by: match carrier {
                            0 => WakeCarrier::Ethernet,
                            1 => WakeCarrier::Limited { port },
                            _ => WakeCarrier::Directed { address, port },
                        },
                        payload,
                    })
                }),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_and_fits(request in requests()) {
            let bytes = request.encode();
            prop_assert!(bytes.len() <= LONGEST);
            prop_assert_eq!(Request::decode(&bytes), Some(request));
        }

        #[test]
        fn whatever_is_read_is_written_the_same(bytes: Vec<u8>) {
            if let Some(request) = Request::decode(&bytes) {
                prop_assert_eq!(request.encode(), bytes);
            }
        }
    }

    #[test]
    fn what_is_no_request_is_refused() {
        let of = |request: Request| request.encode();
        let mut newer = of(Request::Notices);
        newer[0] = VERSION + 1;
        let compiler = |probe: &str| {
            of(Request::Compiler {
                memory: 1,
                component: 1,
                cpu_seconds: 1,
                probe: Some(probe.to_owned()),
            })
        };
        let one = Wanted {
            pid: 1,
            program: true,
        };
        let many = Request::Closely(vec![one; MOST_PROCESSES + 1]);
        for bytes in [
            vec![],
            vec![VERSION],
            vec![VERSION, 0],
            vec![VERSION, 99],
            newer,
            [of(Request::Notices), vec![0]].concat(),
            of(Request::Keeper { number: 1 })[..5].to_vec(),
            [of(Request::Action), vec![0]].concat(),
            of(Request::Ended(ActionId::from_bytes([1; 16])))[..17].to_vec(),
            [of(Request::Device(DeviceId::from_bytes([1; 16]))), vec![0]].concat(),
            of(Request::Closely(vec![one]))[..6].to_vec(),
            [&of(Request::Closely(vec![one]))[..6], &[2]].concat(),
            compiler("--memory"),
            compiler("a b"),
            compiler("../limits"),
            compiler(&"a".repeat(LONGEST_PROBE + 1)),
            of(many),
        ] {
            assert_eq!(Request::decode(&bytes), None, "{bytes:?}");
        }
    }
}
