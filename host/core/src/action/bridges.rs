//! Which devices wake a sleeping neighbour: two or three of those that said how fit they
//! are.

/// How many are asked at most: one alone may have gone to sleep itself.
pub const MOST_BRIDGES: usize = 3;

/// What is known of one device that could wake a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate<D> {
    /// Which device.
    pub device: D,
    /// Whether it is connected now.
    pub online: bool,
    /// Whether a link of it is in the target's network.
    pub same_subnet: bool,
    /// Whether that link is a cable: packets to all are often lost in the air.
    pub wired: bool,
}

/// The devices to ask, best first. None is asked that is not online, or not in the
/// target's network: its packets would not get there.
pub fn bridges<D: Copy + Ord>(candidates: &[Candidate<D>]) -> Vec<D> {
    let mut fit: Vec<_> = candidates
        .iter()
        .filter(|candidate| candidate.online && candidate.same_subnet)
        .collect();
    // The device itself decides last, so that the same answers bring the same choice.
    fit.sort_by_key(|candidate| (!candidate.wired, candidate.device));
    fit.into_iter()
        .map(|candidate| candidate.device)
        .take(MOST_BRIDGES)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_can_reach_it_are_asked_and_cables_first() {
        let candidate = |device, online, same_subnet, wired| Candidate {
            device,
            online,
            same_subnet,
            wired,
        };
        let candidates = [
            candidate(1, true, true, false),
            candidate(2, false, true, true),
            candidate(3, true, false, true),
            candidate(6, true, true, true),
            candidate(5, true, true, true),
            candidate(4, true, true, false),
        ];
        assert_eq!(bridges(&candidates), [5, 6, 1]);
        assert!(bridges::<u8>(&[]).is_empty());
    }
}
