//! Reports on their way while something is killed.

use std::sync::Arc;

use bailiwick_core::ids::DeviceId;
use bailiwick_report::{
    rows::Snapshot,
    schema::{Collection, Field, Kind, Privacy, Schema},
    sender::Sender,
    wire::Origin,
};
use bailiwick_transport::{Receipt, mqtt::Device};
use tokio::task::JoinSet;

use crate::desk::DEVICE;

/// Under way at once, as the agent has it.
const BATCH: usize = 64;

/// A full report of `plugin`.
pub(crate) fn report(device: DeviceId, plugin: &str) -> Vec<u8> {
    let field = Field::new("name", Kind::Text, "", 0, Privacy::None).unwrap();
    let schema = Schema::new(vec![Collection::new("disks", 1, vec![field]).unwrap()]).unwrap();
    let origin = Origin::new(*device.as_bytes(), plugin, "0.1.0").unwrap();
    let snapshot = Snapshot::empty(Arc::new(schema));
    Sender::new(1).next(&origin, 10, snapshot).bytes
}

/// A differential report of `plugin`, whose base nobody has.
pub(crate) fn difference(device: DeviceId, plugin: &str) -> Vec<u8> {
    let field = Field::new("name", Kind::Text, "", 0, Privacy::None).unwrap();
    let schema = Schema::new(vec![Collection::new("disks", 1, vec![field]).unwrap()]).unwrap();
    let origin = Origin::new(*device.as_bytes(), plugin, "0.1.0").unwrap();
    let snapshot = Snapshot::empty(Arc::new(schema));
    let first = Sender::new(1).next(&origin, 10, snapshot.clone());
    first.sender.next(&origin, 20, snapshot).bytes
}

/// Sends `count` reports and waits for their receipts. `kill` is called `kills` times in
/// between, each time in the middle of those that are under way.
pub(crate) async fn send(device: &Device, count: usize, kills: usize, mut kill: impl FnMut()) {
    let mut under_way = JoinSet::new();
    let (mut sent, mut received, mut killed) = (0, 0, 0);
    while received < count {
        while sent < count && under_way.len() < BATCH {
            let plugin = format!("p{sent}");
            let body = report(DEVICE, &plugin);
            let key = format!("key-{sent}");
            under_way.spawn(device.report(plugin.parse().unwrap(), &key, body));
            sent += 1;
        }
        let receipt = under_way.join_next().await.unwrap().unwrap();
        assert_eq!(receipt, Ok(Receipt::Stored));
        received += 1;
        if killed < kills && received >= (killed + 1) * count / (kills + 1) {
            killed += 1;
            kill();
        }
    }
    assert_eq!(killed, kills);
}
