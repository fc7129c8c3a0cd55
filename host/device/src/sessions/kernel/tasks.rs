//! Whether processes came or went, from one short read of `loadavg`.

use std::{
    fs::File,
    ops::RangeInclusive,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

/// Longest text of `loadavg`: five numbers.
const LONGEST: usize = 128;

/// What `loadavg` tells of tasks: of processes and their threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tasks {
    /// How many there are.
    pub(super) count: u32,
    /// The id that was given to the newest.
    last: u32,
}

impl Tasks {
    /// Ids that were given since `earlier`. They are given in turn, and begin again at the
    /// lowest after the highest.
    pub(super) fn ids_since(self, earlier: Self) -> [RangeInclusive<u32>; 2] {
        let nothing = RangeInclusive::new(1, 0);
        if earlier.last <= self.last {
            return [earlier.last.saturating_add(1)..=self.last, nothing];
        }
        [earlier.last.saturating_add(1)..=u32::MAX, 1..=self.last]
    }
}

/// The open file: opening it anew costs more than reading it.
#[derive(Debug)]
pub(super) struct LoadAverage {
    path: PathBuf,
    file: Option<File>,
}

impl LoadAverage {
    pub(super) fn new(proc: &Path) -> Self {
        Self {
            path: proc.join("loadavg"),
            file: None,
        }
    }

    /// None if the file is not there or says something else.
    pub(super) fn tasks(&mut self) -> Option<Tasks> {
        let mut bytes = [0; LONGEST];
        if self.file.is_none() {
            self.file = File::open(&self.path).ok();
        }
        let length = self.file.as_ref()?.read_at(&mut bytes, 0).ok()?;
        parse(std::str::from_utf8(bytes.get(..length)?).ok()?)
    }
}

/// Three averages, then running tasks of all tasks, then the newest (proc_loadavg(5)).
fn parse(text: &str) -> Option<Tasks> {
    let mut fields = text.split_ascii_whitespace().skip(3);
    let (_, count) = fields.next()?.split_once('/')?;
    Some(Tasks {
        count: count.parse().ok()?,
        last: fields.next()?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_how_many_run_is_left_out() {
        let tasks = parse("0.10 0.21 0.44 1/93 18609\n").unwrap();
        assert_eq!(parse("9.10 9.21 9.44 7/93 18609\n"), Some(tasks));
        assert_ne!(parse("0.10 0.21 0.44 1/92 18609\n"), Some(tasks));
        assert_ne!(parse("0.10 0.21 0.44 1/93 18610\n"), Some(tasks));
        for text in ["", "1 2 3", "1 2 3 4 5", "1 2 3 1/x 5", "1 2 3 1/2 -5"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn ids_are_given_in_turn_and_begin_again() {
        let at = |last| Tasks { count: 1, last };
        let ids = |from, to| at(to).ids_since(at(from)).into_iter().flatten();
        assert_eq!(ids(7, 7).count(), 0);
        assert_eq!(ids(7, 9).collect::<Vec<_>>(), [8, 9]);
        let begun_again = at(2).ids_since(at(32_766));
        assert!(
            [32_767, 1, 2]
                .iter()
                .all(|id| begun_again.iter().any(|ids| ids.contains(id)))
        );
        assert!(
            !begun_again
                .iter()
                .any(|ids| ids.contains(&32_766) || ids.contains(&3))
        );
    }

    #[test]
    fn this_machine_tells() {
        let mut load = LoadAverage::new(Path::new("/proc"));
        let before = load.tasks().unwrap();
        std::thread::spawn(|| ()).join().unwrap();
        assert_ne!(load.tasks().unwrap().last, before.last);
    }
}
