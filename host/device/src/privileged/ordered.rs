//! What a keeper shall run: judged here, and only then handed to it.

use std::{
    fs::File,
    io::{self, Read as _},
    os::{
        fd::{AsFd as _, OwnedFd},
        unix::net::UnixStream,
    },
};

use bailiwick_core::{digest::Sha256, ports::Clock as _};

use super::{line, signed::SignedPolicies, tell};
use crate::{
    SystemClock,
    exec::{
        granted, keeper,
        line::{self as words, Told},
    },
};

/// Length of what asks for a run: the digest of the policy that grants it. With it come the
/// keeper's line to the agent, and a file with the order.
pub(super) const LENGTH: usize = 32;

/// Longest order: arguments, variables and input at their longest, with room to spare.
const LONGEST: u64 = 1024 * 1024;

/// Judges an order, and hands it to its `keeper` or says on the line why not.
pub(super) fn pass_on(
    policy: [u8; LENGTH],
    with: Vec<OwnedFd>,
    keeper: &OwnedFd,
    signed: &mut dyn SignedPolicies,
) {
    let Ok([agent, order]) = <[OwnedFd; 2]>::try_from(with) else {
        return;
    };
    match judged(policy, order.into(), signed) {
        Ok(order) => {
            // A keeper that was killed gets none, and the agent sees its line cut.
            let with = [agent.as_fd(), order.as_fd()];
            let _ = line::send(keeper, &keeper::ORDERED, &with);
        }
        Err(reason) => {
            // In the keeper's words, for whoever asked waits for those.
            let answer = vec![keeper::NOT_STARTED.to_vec(), reason.into_bytes()];
            let answer = [&keeper::TAKEN[..], &words::encode(&answer)].concat();
            tell(UnixStream::from(agent), &answer);
        }
    }
}

/// The order in a file of this process, which nobody changes after it was judged.
pub(super) fn judged(
    policy: [u8; LENGTH],
    order: File,
    signed: &mut dyn SignedPolicies,
) -> Result<File, String> {
    let unread = |error: io::Error| format!("the order can't be read: {error}");
    let order = read(order).map_err(unread)?;
    let told = words::read(&mut order.as_slice()).map_err(unread)?;
    let told = Told::from_parts(told).ok_or("it is no order")?;
    let policy = signed.policy(&Sha256::from_bytes(policy))?;
    granted::check(&told, policy, SystemClock::new().now())?;
    keeper::memory("order", &order).map_err(unread)
}

/// All of a file in memory, up to [`LONGEST`]; whatever else might be waited for.
pub(super) fn read(order: File) -> io::Result<Vec<u8>> {
    let found = order.metadata()?;
    if !found.is_file() || found.len() > LONGEST {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut bytes = Vec::new();
    order.take(LONGEST).read_to_end(&mut bytes)?;
    Ok(bytes)
}
