//! Who a client is, and what it may do. Decided here and nowhere else.

use bailiwick_core::ids::DeviceId;
use bailiwick_transport::mqtt::{
    topic::Topic,
    wire::{Connect, ConnectReturnCode},
};

/// What a device can subscribe to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subscription {
    /// Its receipts.
    Receipts,
    /// The actions for it.
    Actions,
    /// The hints, which are for all.
    UpdateHints,
}

/// Which device a client says to be: the one that its client id names. Whether it is, the
/// certificate of its connection shows ([`crate::enrolment::Enrolment::admit`]).
///
/// # Errors
/// The code to answer a CONNECT with.
pub(super) fn device(connect: &Connect) -> Result<DeviceId, ConnectReturnCode> {
    if connect.last_will.is_some() {
        // It would be a message of the device to somebody, and there is nobody.
        return Err(ConnectReturnCode::NotAuthorized);
    }
    let device: DeviceId = connect
        .client_id
        .parse()
        .map_err(|_| ConnectReturnCode::BadClientId)?;
    if device.to_string() != connect.client_id {
        return Err(ConnectReturnCode::BadClientId);
    }
    Ok(device)
}

/// The topic that a device publishes to, if it may: what it itself has to say.
pub(super) fn publication(device: &DeviceId, topic: &str) -> Option<Topic> {
    let topic = Topic::parse(topic)?;
    match &topic {
        Topic::Report { device: whose, .. }
        | Topic::Events { device: whose, .. }
        | Topic::Outcome { device: whose, .. }
        | Topic::Progress { device: whose, .. } => (whose == device).then_some(topic),
        Topic::Receipt { .. } | Topic::Action { .. } | Topic::UpdateHint => None,
    }
}

/// What a filter subscribes a device to, if it may: no wildcard reaches further than the
/// device's own.
pub(super) fn subscription(device: &DeviceId, filter: &str) -> Option<Subscription> {
    if filter == Topic::receipts_of(device) {
        return Some(Subscription::Receipts);
    }
    if filter == Topic::actions_for(device) {
        return Some(Subscription::Actions);
    }
    (filter == Topic::UpdateHint.to_string()).then_some(Subscription::UpdateHints)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_has_its_own_topics_alone() {
        let own = DeviceId::from_bytes([0xab; 16]);
        let other = DeviceId::from_bytes([0xcd; 16]);
        let may = |topic: &str| publication(&own, topic).is_some();
        assert!(may(&format!("bailiwick/1/{own}/reports/inventory/k")));
        assert!(may(&format!("bailiwick/1/{own}/events/k")));
        assert!(!may(&format!("bailiwick/1/{other}/reports/inventory/k")));
        assert!(!may(&format!("bailiwick/1/{other}/events/k")));
        let action = "ab".repeat(16);
        assert!(may(&format!("bailiwick/1/{own}/outcomes/k")));
        assert!(may(&format!("bailiwick/1/{own}/progress/{action}")));
        assert!(!may(&format!("bailiwick/1/{other}/outcomes/k")));
        assert!(!may(&format!("bailiwick/1/{other}/progress/{action}")));
        assert!(!may(&format!("bailiwick/1/{own}/actions/{action}")));
        assert!(!may(&format!("bailiwick/1/{other}/actions/{action}")));
        assert!(!may(&format!("bailiwick/1/{own}/receipts/k")));
        assert!(!may("bailiwick/1/all/hints/updates"));
        assert!(!may("$SYS/x"));
        let to = |filter: &str| subscription(&own, filter);
        assert_eq!(
            to(&format!("bailiwick/1/{own}/receipts/+")),
            Some(Subscription::Receipts)
        );
        assert_eq!(
            to(&format!("bailiwick/1/{own}/actions/+")),
            Some(Subscription::Actions)
        );
        assert_eq!(
            to("bailiwick/1/all/hints/updates"),
            Some(Subscription::UpdateHints)
        );
        for filter in [
            "#".to_owned(),
            "+/+/+/+/+".into(),
            "bailiwick/#".into(),
            "bailiwick/1/+/receipts/+".into(),
            format!("bailiwick/1/{other}/receipts/+"),
            format!("bailiwick/1/{other}/actions/+"),
            "bailiwick/1/+/actions/+".into(),
            format!("bailiwick/1/{own}/#"),
            format!("bailiwick/1/{own}/reports/+/+"),
            "bailiwick/1/all/#".into(),
            "$share/a/#".into(),
        ] {
            assert_eq!(to(&filter), None, "{filter}");
        }
    }

    #[test]
    fn a_client_is_the_device_that_its_id_names() {
        let own = DeviceId::from_bytes([0xab; 16]);
        let named = |id: String| device(&Connect::new(id));
        assert_eq!(named(own.to_string()), Ok(own));
        for bad in [
            "",
            "ab",
            "bailiwick-console",
            &own.to_string().to_uppercase(),
        ] {
            assert_eq!(
                named(bad.into()),
                Err(ConnectReturnCode::BadClientId),
                "{bad}"
            );
        }
    }
}
