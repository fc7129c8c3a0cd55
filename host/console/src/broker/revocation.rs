//! Ends the connections of devices that are revoked while they are connected.

use std::time::Duration;

use tokio::time::interval;

use super::{Shared, say};

/// From one look at the register to the next; a look that finds nothing new is one read of a
/// number.
const LOOK: Duration = Duration::from_secs(1);

/// Looks until the broker stops.
pub(super) async fn watch(shared: Shared) {
    let mut stop = shared.stop.clone();
    let mut looks = interval(LOOK);
    let mut known = None;
    loop {
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            _ = looks.tick() => {}
        }
        let register = shared.enrolment.register();
        let revision = register.revision().ok();
        if revision == known {
            continue;
        }
        match register.revoked() {
            Ok(devices) => {
                known = revision;
                for device in devices.iter().filter(|device| shared.hub.evict(device)) {
                    say(&format!(
                        "the connection of {device} was closed: it was revoked"
                    ));
                }
            }
            Err(error) => say(&format!(
                "it is not known which devices are revoked: {error}"
            )),
        }
    }
}
