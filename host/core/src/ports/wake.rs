//! Neighbours that plugins wake.

use std::{net::Ipv4Addr, time::Duration};

use super::BoxFuture;
use crate::{digest::Sha256, ids::PluginName, policy};

/// How a magic packet travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WakeCarrier {
    /// UDP to 255.255.255.255.
    Limited {
        /// 9 or 7.
        port: u16,
    },
    /// UDP to the broadcast address of one of the link's networks.
    Directed {
        /// That address.
        address: Ipv4Addr,
        /// 9 or 7.
        port: u16,
    },
    /// An Ethernet frame of type 0x0842.
    Ethernet,
}

/// Why a magic packet was not sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WakeError {
    /// The link is virtual, and no grant names it.
    #[error("the link is virtual, and no grant names it")]
    Virtual,
    /// Too many in a minute.
    #[error("the rate is used up for {} ms", .0.as_millis())]
    TooOften(Duration),
    /// The address is none of a network of the link.
    #[error("{0} is the broadcast address of no network of the link")]
    Address(Ipv4Addr),
    /// The link is not there, is down, or can't carry it.
    #[error("{0}")]
    Link(String),
    /// The operating system refused.
    #[error("the operating system answered: {0}")]
    Unavailable(String),
}

/// Sends magic packets.
pub trait Wake: Send + Sync {
    /// Sends `payload`, which is one, on `link`, for `plugin`, as it is `allowed` by the policy
    /// file that has the digest `policy`, as it was signed; none where nothing is.
    fn send<'a>(
        &'a self,
        plugin: &'a PluginName,
        policy: Option<Sha256>,
        allowed: policy::WakeAllowed,
        link: &'a str,
        by: WakeCarrier,
        payload: &'a [u8],
    ) -> BoxFuture<'a, Result<(), WakeError>>;
}

/// Wakes nobody: for trials of plugins.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoWake;

impl Wake for NoWake {
    fn send<'a>(
        &'a self,
        _: &'a PluginName,
        _: Option<Sha256>,
        _: policy::WakeAllowed,
        _: &'a str,
        _: WakeCarrier,
        _: &'a [u8],
    ) -> BoxFuture<'a, Result<(), WakeError>> {
        let reason = "nobody is woken here".to_owned();
        Box::pin(async { Err(WakeError::Unavailable(reason)) })
    }
}
