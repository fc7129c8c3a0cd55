//! Figures of /proc/pressure (Linux, Documentation/accounting/psi.rst) and /proc/loadavg
//! (proc_loadavg(5)), in hundredths: floating point would differ in its last digit from
//! what the kernel wrote.

/// Share of the time in which tasks waited for a resource, in hundredths of a per cent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pressure {
    /// Some task waited, over ten seconds.
    pub(crate) some_10_s: u64,
    /// Some task waited, over a minute.
    pub(crate) some_60_s: u64,
    /// All tasks waited, over a minute. Kernels before 5.13 have none for the processor.
    pub(crate) full_60_s: Option<u64>,
}

impl Pressure {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Some(Self {
            some_10_s: average(text, "some ", "avg10=")?,
            some_60_s: average(text, "some ", "avg60=")?,
            full_60_s: average(text, "full ", "avg60="),
        })
    }
}

/// The averages over one, five and fifteen minutes.
pub(crate) fn load(text: &str) -> Option<[u64; 3]> {
    let mut words = text.split_ascii_whitespace();
    let mut next = || hundredths(words.next()?);
    Some([next()?, next()?, next()?])
}

fn average(text: &str, line: &str, name: &str) -> Option<u64> {
    let words = text
        .lines()
        .find_map(|candidate| candidate.strip_prefix(line))?;
    words
        .split(' ')
        .find_map(|word| hundredths(word.strip_prefix(name)?))
}

/// `12.34` is 1,234. The kernel always writes two digits after the point.
fn hundredths(text: &str) -> Option<u64> {
    let (whole, part) = text.split_once('.')?;
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if part.len() != 2 || !digits(whole) || !digits(part) {
        return None;
    }
    let whole: u64 = whole.parse().ok()?;
    whole.checked_mul(100)?.checked_add(part.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pressure_is_read_to_the_hundredth() {
        let text = "some avg10=12.34 avg60=0.05 avg300=0.00 total=1\n\
                    full avg10=0.00 avg60=100.00 avg300=0.00 total=0\n";
        assert_eq!(
            Pressure::parse(text),
            Some(Pressure {
                some_10_s: 1_234,
                some_60_s: 5,
                full_60_s: Some(10_000)
            })
        );
        let (some, _) = text.split_once("full").unwrap();
        assert_eq!(
            Pressure::parse(some).and_then(|pressure| pressure.full_60_s),
            None
        );
    }

    #[test]
    fn load_is_read_to_the_hundredth() {
        assert_eq!(load("0.31 1.20 22.00 2/345 6789\n"), Some([31, 120, 2_200]));
    }

    #[test]
    fn what_is_no_figure_is_none() {
        for text in [
            "",
            "1",
            "1.2",
            "1.234",
            "-1.00",
            "+1.00",
            ".00",
            "a.bc",
            "99999999999999999999.00",
            "1.+2",
        ] {
            assert_eq!(hundredths(text), None, "{text}");
            assert_eq!(load(text), None, "{text}");
            assert_eq!(
                Pressure::parse(&["some avg10=", text].concat()),
                None,
                "{text}"
            );
        }
    }
}
