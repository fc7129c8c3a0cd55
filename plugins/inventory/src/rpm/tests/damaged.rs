//! No input makes the readers panic or read for ever, and every package that they give
//! has a name.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;

static WITH_LOG: LazyLock<(Vec<u8>, Vec<u8>)> = LazyLock::new(engine::with_log);

static NDB: LazyLock<Vec<u8>> =
    LazyLock::new(|| ndb(&[header("a", 0), header("large", 100_000), header("z", 5)]));

/// Some bytes of a file replaced, and its end cut off at times.
fn damage(file: &'static [u8]) -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![any::<u8>(), Just(0), Just(1), Just(0xff)];
    // Headers of files and pages are where it hurts.
    let place = prop_oneof![
        0..file.len(),
        0..file.len().min(120),
        (0..file.len()).prop_map(|at| at / 512 * 512 + at % 16),
    ];
    let edits = prop::collection::vec((place, byte), 1..12);
    let cut = prop_oneof![4 => Just(file.len()), 1 => 0..file.len()];
    (edits, cut).prop_map(|(edits, cut)| {
        let mut damaged = file.to_vec();
        for (at, byte) in edits {
            damaged[at] = byte;
        }
        damaged.truncate(cut);
        damaged
    })
}

fn check(reading: &Reading) {
    assert!(
        reading
            .packages
            .iter()
            .all(|package| !package.name.is_empty())
    );
    assert!(reading.packages.len() <= MOST_PACKAGES);
}

proptest! {
    #[test]
    fn damaged_databases(file in damage(&WITH_LOG.0), log in damage(&WITH_LOG.1)) {
        check(&engine::read(&file, &[]));
        check(&engine::read(&file, &WITH_LOG.1));
        check(&engine::read(&WITH_LOG.0, &log));
    }

    #[test]
    fn damaged_databases_of_ndb(file in damage(&NDB)) {
        check(&ndb_packages(file.as_slice()));
    }

    #[test]
    fn anything_after_a_header(pages in prop::collection::vec(any::<u8>(), 0..4_096)) {
        let file = [&WITH_LOG.0[..100], &pages].concat();
        check(&engine::read(&file, &pages));
        check(&engine::read(&pages, &file));
        check(&ndb_packages([&NDB[..32], &pages].concat().as_slice()));
    }

    #[test]
    fn anything_for_a_package(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        let _ = read_header(&bytes);
        // With the counts right, what follows them is looked at.
        let entries = (bytes.len() / 16) as u32;
        let rest = (bytes.len() % 16) as u32;
        let counts = [entries.to_be_bytes(), rest.to_be_bytes()].concat();
        let _ = read_header(&[counts, bytes].concat());
    }
}

#[test]
fn a_page_that_leads_to_itself_is_refused() {
    let (file, _) = &*WITH_LOG;
    let mut refused = 0;
    for page in 1..file.len() / 512 {
        let mut damaged = file.clone();
        // The number of the next overflow page, or a header.
        damaged[page * 512..][..4].copy_from_slice(&(page as u32 + 1).to_be_bytes());
        let reading = engine::read(&damaged, &[]);
        check(&reading);
        refused += usize::from(reading.fault == Some(Fault("damaged: a page is used twice")));
    }
    assert!(refused > 10, "{refused}");
}
