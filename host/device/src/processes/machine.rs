//! What a pass has to know of the machine.

use std::fs;

/// Processors that this machine may have, from the last of the list in which the kernel numbers
/// them (Documentation/admin-guide/cputopology.rst of Linux).
pub(super) fn processors() -> u32 {
    let told = fs::read_to_string("/sys/devices/system/cpu/possible").unwrap_or_default();
    let last = told.trim().rsplit(['-', ',']).next();
    last.and_then(|last| last.parse().ok())
        .map_or(1, |last: u32| last.saturating_add(1))
}

/// Bytes of a page, from what the kernel told this program when it started (getauxval(3)).
pub(super) fn page_size() -> u64 {
    const AT_PAGESZ: usize = 6;
    const WORD: usize = size_of::<usize>();
    let told = fs::read("/proc/self/auxv").unwrap_or_default();
    let (words, _) = told.as_chunks::<WORD>();
    let mut pairs = words
        .chunks_exact(2)
        .map(|pair| (usize::from_ne_bytes(pair[0]), usize::from_ne_bytes(pair[1])));
    let size = pairs.find_map(|(key, value)| (key == AT_PAGESZ).then_some(value));
    size.map_or(4_096, |size| size as u64)
}
