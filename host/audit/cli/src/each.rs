//! The same work for many files, on all processors.

use std::{
    num::NonZero,
    panic::resume_unwind,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    thread,
};

/// Most threads at work: each holds a whole component in memory.
const MOST: usize = 8;

/// Does `work` for each of `all`, several at a time, and answers in their order.
pub(crate) fn each<T: Sync, R: Send>(all: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    let threads = processors.min(MOST).min(all.len());
    let next = AtomicUsize::new(0);
    let turns = || {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Relaxed);
            let Some(one) = all.get(index) else {
                return done;
            };
            done.push((index, work(one)));
        }
    };
    let mut done = thread::scope(|scope| {
        // Where no thread can be had, this one does the work of all.
        let others: Vec<_> = (1..threads)
            .map_while(|_| thread::Builder::new().spawn_scoped(scope, turns).ok())
            .collect();
        let mut done = turns();
        for other in others {
            done.extend(other.join().unwrap_or_else(|panic| resume_unwind(panic)));
        }
        done
    });
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_is_done_once_and_answered_in_order() {
        let all: Vec<u64> = (0..500).collect();
        let done = each(&all, |number| {
            // What comes first takes longest.
            (0..(500 - number) * 100).fold(*number, |sum, _| std::hint::black_box(sum))
        });
        assert_eq!(done, all);
        assert!(each(&[], |number: &u64| *number).is_empty());
    }
}
