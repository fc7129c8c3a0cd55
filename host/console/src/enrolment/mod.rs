//! Which devices are this console's: tokens, certificates, and who may speak for whom.
//!
//! `bailiwick_core::enrolment` decides; `register` keeps what was decided, in a database of
//! its own, because it says who is let in, and what devices sent does not; `authority` signs.

mod admission;
mod authority;
mod register;

use std::{net::IpAddr, path::Path, sync::Mutex, time::Duration};

use bailiwick_core::{
    digest::Sha256,
    enrolment::{Applicant, Refusal, Secret},
    ids::DeviceId,
    time::Timestamp,
};
use bailiwick_transport::enrol::{Broker, Request};

use crate::page::Attempts;

pub(crate) use admission::{Peer, Strictness, Unfit};
pub(crate) use authority::{
    Authority, AuthorityError, CERTIFICATE as AUTHORITY, certificate as authority_certificate,
    digest as authority_digest,
};
pub(crate) use register::{
    Device, Invite, MadeToken, Register, RegisterError, Settled, TokenState, Turned,
};

/// Lets devices in, for `serve`.
pub(crate) struct Enrolment {
    register: Register,
    authority: Option<Authority>,
    strictness: Strictness,
    /// Of a certificate.
    life: Duration,
    /// What devices are told of the broker.
    mqtt: Mutex<Option<Broker>>,
    attempts: Mutex<Attempts>,
}

/// A certificate that was issued, now or before.
#[derive(Debug)]
pub(crate) struct Issued {
    pub(crate) device: DeviceId,
    pub(crate) der: Vec<u8>,
    /// Whether it is another one than the last time.
    pub(crate) is_new: bool,
}

/// Why none was.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotIssued {
    /// The token is not enough.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The certificate of the connection is not enough.
    #[error(transparent)]
    Unfit(#[from] Unfit),
    /// Too many attempts from there.
    #[error("too many attempts that failed from this address: try again in {0} s")]
    TooOften(u64),
    /// This console can't sign.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    #[error(transparent)]
    Register(#[from] RegisterError),
    #[error("the console is shutting down")]
    Stopping,
}

impl Enrolment {
    /// For the console with this data folder, whose certificates are in `tls`.
    pub(crate) fn open(
        data: &Path,
        tls: &Path,
        strictness: Strictness,
        life: Duration,
    ) -> Result<Self, NotIssued> {
        Ok(Self {
            register: Register::open(data)?,
            authority: Authority::read(tls)?,
            strictness,
            life,
            mqtt: Mutex::default(),
            attempts: Mutex::default(),
        })
    }

    pub(crate) fn register(&self) -> &Register {
        &self.register
    }

    pub(crate) fn strictness(&self) -> Strictness {
        self.strictness
    }

    /// Whether certificates can be signed here.
    pub(crate) fn can_sign(&self) -> bool {
        self.authority.is_some()
    }

    /// What devices are told of the broker from now on.
    pub(crate) fn set_broker(&self, broker: Option<Broker>) {
        *locked(&self.mqtt) = broker;
    }

    pub(crate) fn broker(&self) -> Option<Broker> {
        locked(&self.mqtt).clone()
    }

    /// The certificate for a token's secret. Blocks on the disk.
    pub(crate) fn enrol(
        &self,
        secret: &Secret,
        request: &Request,
        from: IpAddr,
        now: Timestamp,
    ) -> Result<Issued, NotIssued> {
        if let Some(seconds) = locked(&self.attempts).refused_for(from, now) {
            return Err(NotIssued::TooOften(seconds));
        }
        let authority = self.authority()?;
        let applicant = Applicant {
            device: request.device,
            key: request.key,
        };
        let settled = self
            .register
            .enrol(&secret.digest(), &applicant, from, now, || {
                authority.issue(request, now, self.life)
            })?;
        match settled {
            Settled::Issued { der, is_new } => Ok(Issued {
                device: request.device,
                der,
                is_new,
            }),
            Settled::Refused(refusal) => {
                locked(&self.attempts).failed(from, now);
                Err(refusal.into())
            }
        }
    }

    /// The next certificate of the device that a connection has shown to be. Blocks on the
    /// disk.
    pub(crate) fn renew(
        &self,
        peer: &Peer,
        request: &Request,
        now: Timestamp,
    ) -> Result<Issued, NotIssued> {
        let device = self.require(peer, now)?;
        if device != request.device {
            return Err(Unfit::Other(device).into());
        }
        let authority = self.authority()?;
        let applicant = Applicant {
            device,
            key: request.key,
        };
        let (der, is_new) = self
            .register
            .renew(&applicant, now, || authority.issue(request, now, self.life))?;
        Ok(Issued {
            device,
            der,
            is_new,
        })
    }

    /// The device that a connection has shown to be; none if it showed nothing.
    pub(crate) fn who(&self, peer: &Peer, now: Timestamp) -> Result<Option<DeviceId>, Unfit> {
        let Some(der) = &peer.certificate else {
            return Ok(None);
        };
        let known = self.register.certificate(&Sha256::of(der))?;
        admission::identify(known.as_ref(), now).map(Some)
    }

    /// The device that a connection has shown to be.
    pub(crate) fn require(&self, peer: &Peer, now: Timestamp) -> Result<DeviceId, Unfit> {
        self.who(peer, now)?.ok_or(Unfit::None)
    }

    /// Whether a connection may be listened to at all, before it has said for which device it
    /// speaks.
    pub(crate) fn listen(&self, peer: &Peer, now: Timestamp) -> Result<(), Unfit> {
        match (self.who(peer, now)?, self.strictness) {
            (None, Strictness::Enrolled) => Err(Unfit::None),
            (Some(_), _) | (None, Strictness::Open) => Ok(()),
        }
    }

    /// Whether a connection may speak for `device`: report, tell events, connect to the
    /// broker.
    pub(crate) fn admit(
        &self,
        peer: &Peer,
        device: &DeviceId,
        now: Timestamp,
    ) -> Result<(), Unfit> {
        match self.who(peer, now)? {
            Some(shown) if shown == *device => Ok(()),
            Some(shown) => Err(Unfit::Other(shown)),
            None => match self.strictness {
                Strictness::Enrolled => Err(Unfit::None),
                // What has a certificate is not spoken for without it.
                Strictness::Open if self.register.is_enrolled(device)? => Err(Unfit::None),
                Strictness::Open => Ok(()),
            },
        }
    }

    /// Whether what comes from `device` by way of somebody else's broker is taken. That
    /// broker has looked at the certificate, and knows nothing of revocations.
    pub(crate) fn takes_from(&self, device: &DeviceId) -> Result<bool, RegisterError> {
        let certificates = self.register.certificates_of(device)?;
        Ok(match self.strictness {
            Strictness::Enrolled => certificates.valid > 0,
            Strictness::Open => certificates.valid > 0 || certificates.revoked == 0,
        })
    }

    fn authority(&self) -> Result<&Authority, AuthorityError> {
        self.authority.as_ref().ok_or(AuthorityError::NoKey)
    }
}

/// What is locked here is whole between two calls, whoever panicked.
fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
