//! Times and sizes, short enough for a table.

/// A time of so many microseconds.
pub(super) fn lasting(us: u64) -> String {
    const MINUTE: u64 = 60_000_000;
    match us {
        0..1_000 => format!("{us} µs"),
        1_000..1_000_000 => format!("{} ms", us / 1_000),
        1_000_000..MINUTE => format!("{}.{} s", us / 1_000_000, us / 100_000 % 10),
        _ if us < 100 * MINUTE => format!("{} min", us / MINUTE),
        _ => format!("{} h", us / MINUTE / 60),
    }
}

/// A size of so many bytes; a kB is 1,000 of them.
pub(super) fn size(bytes: u64) -> String {
    let mut unit = 1;
    for name in ["kB", "MB", "GB", "TB", "PB"] {
        let (tenths, next) = (bytes / (unit * 100), unit * 1_000);
        if tenths < 10 {
            break;
        }
        if tenths < 10_000 || name == "PB" {
            return format!("{}.{} {name}", tenths / 10, tenths % 10);
        }
        unit = next;
    }
    format!("{bytes} B")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_the_unit_that_fits() {
        for (us, words) in [
            (0, "0 µs"),
            (999, "999 µs"),
            (1_871_000, "1.8 s"),
            (999_999, "999 ms"),
            (60_000_000, "1 min"),
            (7_200_000_000, "2 h"),
            (u64::MAX, "5124095576 h"),
        ] {
            assert_eq!(lasting(us), words);
        }
        for (bytes, words) in [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "1.0 kB"),
            (999_999, "999.9 kB"),
            (16_777_216, "16.7 MB"),
            (u64::MAX, "18446.7 PB"),
        ] {
            assert_eq!(size(bytes), words);
        }
    }
}
