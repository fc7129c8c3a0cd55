//! The way of one lane to the console.

use std::pin::Pin;

use bailiwick_core::{ids::DeviceId, sending::Blame};
use bailiwick_store::{Lane, Waiting, What};
use bailiwick_transport::{
    FileOrigin, Files, Receipt, Reports, SendError, actions::Outbound, mqtt::Device,
};

use crate::run::connections::Destination;

/// Resolves when the receipt came.
pub(super) type Answer = Pin<Box<dyn Future<Output = Result<Receipt, SendError>> + Send>>;

/// Where one lane goes.
pub(super) enum Road {
    /// Reports, straight to the console.
    Https(Reports),
    /// Outcomes, straight to the console.
    Outcomes(Outbound),
    /// Reports and outcomes, through a broker.
    Mqtt(Device),
    /// Files, straight to the console.
    Files(Files),
    /// There is none, and what would make one.
    None(&'static str),
}

impl Road {
    /// The way of `lane`, as the settings are.
    pub(super) fn of(lane: Lane, destination: Destination, files: Option<Files>) -> Self {
        match (lane, destination, files) {
            (Lane::Files, _, Some(files)) => Self::Files(files),
            (Lane::Files, _, None) => {
                Self::None("files go over HTTPS alone: set `report-url` to the console's address")
            }
            (Lane::Reports | Lane::Outcomes, Destination::Mqtt(device), _) => Self::Mqtt(device),
            (Lane::Reports, Destination::Https { reports, .. }, _) => Self::Https(reports),
            (Lane::Outcomes, Destination::Https { outcomes, .. }, _) => Self::Outcomes(outcomes),
        }
    }

    /// How many may be under way at once. Over HTTPS one by one: they must arrive in order.
    pub(super) const fn window(&self) -> usize {
        match self {
            Self::Mqtt(_) => 256,
            Self::Https(_) | Self::Outcomes(_) | Self::Files(_) | Self::None(_) => 1,
        }
    }

    /// Begins to send `one`, whose body is taken.
    pub(super) fn send(&self, device: DeviceId, one: &mut Waiting) -> Answer {
        let body = std::mem::take(&mut one.body);
        let key = one.key.clone();
        match (self, &one.what) {
            (Self::Https(reports), What::Report { .. }) => {
                let reports = reports.clone();
                Box::pin(async move { reports.send(&key, body).await })
            }
            (Self::Mqtt(to), What::Report { plugin, .. }) => {
                Box::pin(to.report(plugin.clone(), &key, body))
            }
            (Self::Outcomes(outbound), What::Outcome { .. }) => {
                let outbound = outbound.clone();
                Box::pin(async move { outbound.send(&key, body).await })
            }
            (Self::Mqtt(to), What::Outcome { .. }) => Box::pin(to.outcome(&key, body)),
            (Self::Files(files), What::File { plugin, session }) => {
                let files = files.clone();
                let origin = FileOrigin {
                    device,
                    plugin: plugin.clone(),
                    session: session.clone(),
                    made: one.at,
                };
                Box::pin(async move {
                    files.send(&key, &origin, body).await?;
                    Ok(Receipt::Stored)
                })
            }
            (Self::None(reason), _) => later(reason),
            _ => later("there is no way for it"),
        }
    }
}

fn later(reason: &str) -> Answer {
    Box::pin(std::future::ready(Err(SendError::Retry {
        after: None,
        blame: Blame::Everything,
        reason: reason.to_owned(),
    })))
}
