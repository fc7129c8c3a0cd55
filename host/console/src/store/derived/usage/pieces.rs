//! A file's samples, put together to a few pieces.

use std::collections::BTreeMap;

use super::slices::{Load, Slice};

/// Most pieces of one file.
const MOST: i64 = 5;
/// Shortest piece that a file is cut into, in milliseconds.
const SHORTEST_MS: i64 = 10_000;
/// Applications of a piece that are told apart: those that used most of the processor, and
/// of the others those that held most memory.
const BY_CPU: usize = 8;
const BY_MEMORY: usize = 4;

/// What was used from one moment to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) from_ms: i64,
    pub(super) to_ms: i64,
    pub(super) total: Load,
    /// By name.
    pub(super) applications: Vec<(String, Load)>,
}

/// `slices` follow one another.
pub(super) fn pieces(slices: &[Slice]) -> Vec<Piece> {
    let length: i64 = slices.iter().map(Slice::ms).sum();
    let wanted = (length / SHORTEST_MS).clamp(1, MOST);
    let mut pieces = Vec::new();
    let (mut begun, mut before) = (0, 0);
    for (place, slice) in slices.iter().enumerate() {
        before += slice.ms();
        let due = length * (pieces.len() as i64 + 1) / wanted;
        if before >= due {
            pieces.extend(piece(&slices[begun..=place]));
            begun = place + 1;
        }
    }
    pieces.extend(piece(&slices[begun..]));
    pieces
}

fn piece(slices: &[Slice]) -> Option<Piece> {
    let (first, last) = (slices.first()?, slices.last()?);
    let mut loads: BTreeMap<&str, Load> = BTreeMap::new();
    let mut total = Load::default();
    for (name, load) in slices.iter().flat_map(|slice| &slice.applications) {
        loads.entry(name).or_default().add(load);
        total.add(load);
    }
    let mut by: Vec<(&str, Load)> = loads.into_iter().collect();
    by.sort_by_key(|(_, load)| std::cmp::Reverse((load.cpu_us, load.memory_kib_ms)));
    let busy = BY_CPU.min(by.len());
    by[busy..].sort_by_key(|(_, load)| std::cmp::Reverse(load.memory_kib_ms));
    by.truncate(BY_CPU + BY_MEMORY);
    by.sort_unstable_by_key(|(name, _)| *name);
    Some(Piece {
        from_ms: first.from_ms,
        to_ms: last.to_ms,
        total,
        applications: by
            .into_iter()
            .map(|(name, load)| (name.to_owned(), load))
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slice(from_ms: i64, ms: i64, loads: &[(&str, u64, u64)]) -> Slice {
        let load = |(name, cpu_us, memory): &(&str, u64, u64)| {
            let load = Load {
                cpu_us: *cpu_us,
                memory_kib_ms: memory * ms as u64,
            };
            ((*name).to_owned(), load)
        };
        Slice {
            from_ms,
            to_ms: from_ms + ms,
            applications: loads.iter().map(load).collect(),
        }
    }

    #[test]
    fn five_minutes_become_five_pieces_and_short_files_fewer() {
        let file = |count: i64, ms: i64| -> Vec<Slice> {
            (0..count)
                .map(|place| slice(place * ms, ms, &[("firefox", 10, 1)]))
                .collect()
        };
        let cut = pieces(&file(20, 15_000));
        assert_eq!(cut.len(), 5);
        assert!(cut.iter().all(|piece| piece.total.cpu_us == 40));
        assert!(cut.windows(2).all(|two| two[0].to_ms == two[1].from_ms));
        assert_eq!(pieces(&file(10, 2_000)).len(), 2);
        assert_eq!(pieces(&file(3, 1_000)).len(), 1);
        assert_eq!(pieces(&[]), []);
        // However long one sample is, nothing is lost.
        let uneven = [file(1, 200_000), file(7, 1_000)].concat();
        let total: u64 = pieces(&uneven).iter().map(|piece| piece.total.cpu_us).sum();
        assert_eq!(total, 80);
    }

    #[test]
    fn those_that_count_most_are_told_apart_and_all_are_summed() {
        let names: Vec<String> = (0..100).map(|number| format!("app-{number:03}")).collect();
        let loads: Vec<(&str, u64, u64)> = names
            .iter()
            .enumerate()
            .map(|(number, name)| (name.as_str(), number as u64, 1_000 - number as u64))
            .collect();
        let cut = pieces(&[slice(0, 1_000, &loads)]);
        let told: Vec<&str> = cut[0]
            .applications
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        let (idle, busy) = (&names[..4], &names[92..]);
        assert_eq!(told, [idle, busy].concat());
        assert_eq!(cut[0].total.cpu_us, (0..100).sum::<u64>());
    }
}
