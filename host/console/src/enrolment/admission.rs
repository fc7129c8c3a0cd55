//! Who a connection is.

use std::net::SocketAddr;

use bailiwick_core::{ids::DeviceId, time::Timestamp};
use clap::ValueEnum;

use super::register::{Known, RegisterError};

/// The other end of a connection.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    /// The certificate that it showed, in DER form. TLS has shown that the other end has its
    /// key, and that this console's authority signed it; not that it still holds.
    pub(crate) certificate: Option<Vec<u8>>,
}

/// Which devices are listened to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Strictness {
    /// Those that were enrolled here, each by its certificate.
    Enrolled,
    /// Whoever knows the id of a device that was never enrolled, too.
    Open,
}

/// Why a connection may not speak for a device.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unfit {
    #[error(
        "this console listens to enrolled devices alone, and no certificate was shown: enrol the \
         device (`bailiwick-console device invite`, then `bailiwick enrol TOKEN` on the device)"
    )]
    None,
    #[error(
        "this console does not know the certificate: enrol the device anew (`bailiwick-console \
         device invite`)"
    )]
    Unknown,
    #[error(
        "the certificate of device {0} has expired: enrol it anew (`bailiwick-console device \
         invite --device {0}`, then `bailiwick enrol TOKEN` on the device)"
    )]
    Expired(DeviceId),
    #[error(
        "device {0} was revoked: if it is to report again, enrol it anew (`bailiwick-console \
         device invite --device {0}`)"
    )]
    Revoked(DeviceId),
    #[error("the certificate is that of device {0}, which may speak for itself alone")]
    Other(DeviceId),
    #[error(transparent)]
    Register(#[from] RegisterError),
}

/// The device of a certificate, by what the register says of it; none if it says nothing.
pub(super) fn identify(known: Option<&Known>, now: Timestamp) -> Result<DeviceId, Unfit> {
    let known = known.ok_or(Unfit::Unknown)?;
    if known.is_revoked {
        return Err(Unfit::Revoked(known.device));
    }
    if now >= known.expires {
        return Err(Unfit::Expired(known.device));
    }
    Ok(known.device)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_counts_until_it_ends_or_is_revoked() {
        let mut known = Known {
            device: DeviceId::from_bytes([1; 16]),
            expires: Timestamp::from_ms(10),
            is_revoked: false,
        };
        let at = |known: &Known, ms| identify(Some(known), Timestamp::from_ms(ms));
        assert_eq!(at(&known, 9).unwrap(), known.device);
        assert!(matches!(at(&known, 10), Err(Unfit::Expired(_))));
        known.is_revoked = true;
        assert!(matches!(at(&known, 9), Err(Unfit::Revoked(_))));
        assert!(matches!(
            identify(None, Timestamp::EPOCH),
            Err(Unfit::Unknown)
        ));
    }
}
