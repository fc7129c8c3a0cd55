//! Ends the connections of devices whose certificates stop to count while they are connected.

use std::time::Duration;

use tokio::time::{Instant, interval};

use super::{Shared, say};

/// From one look at the register to the next; a look that finds nothing new is one read of a
/// number.
const LOOK: Duration = Duration::from_secs(1);
/// Certificates expire without a change of the register.
const EXPIRY: Duration = Duration::from_secs(30);

/// Looks until the broker stops.
pub(super) async fn watch(shared: Shared) {
    let mut stop = shared.stop.clone();
    let mut looks = interval(LOOK);
    // Which revision was looked through, and when.
    let mut known: Option<(i64, Instant)> = None;
    loop {
        let now = tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            now = looks.tick() => now,
        };
        let register = shared.enrolment.register();
        let looked = register.revision().and_then(|revision| {
            let same = known.is_some_and(|(at, when)| at == revision && now - when < EXPIRY);
            if same {
                return Ok(());
            }
            for device in register.ended((shared.now)())? {
                if shared.hub.evict(&device) {
                    say(&format!(
                        "the connection of {device} was closed: it was revoked, or its \
                         certificate has expired"
                    ));
                }
            }
            known = Some((revision, now));
            Ok(())
        });
        if let Err(error) = looked {
            say(&format!(
                "it is not known which devices are revoked: {error}"
            ));
        }
    }
}
