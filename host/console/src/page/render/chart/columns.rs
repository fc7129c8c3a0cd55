//! From rows of the database to columns of a chart.

use std::collections::BTreeMap;

use crate::store::view::Used;

/// Which time a chart shows, and in how many columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) from_ms: i64,
    pub(crate) to_ms: i64,
    /// At least 1.
    pub(crate) columns: usize,
}

impl Window {
    /// When a column begins.
    pub(crate) fn begin(&self, column: usize) -> i64 {
        let length = i128::from(self.to_ms - self.from_ms);
        let before = length * column as i128 / self.columns as i128;
        self.from_ms + i64::try_from(before).unwrap_or(0)
    }
}

/// What is drawn of each application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Measure {
    /// Percent of one core.
    Cpu,
    /// Bytes.
    Memory,
}

/// What one application used in one column.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    cpu_us: f64,
    memory_kib_ms: f64,
}

impl Sum {
    fn take(&mut self, used: &Used, share: f64) {
        self.cpu_us += used.cpu_us as f64 * share;
        self.memory_kib_ms += used.memory_kib_ms as f64 * share;
    }

    fn less(self, other: Self) -> Self {
        Self {
            cpu_us: (self.cpu_us - other.cpu_us).max(0.0),
            memory_kib_ms: (self.memory_kib_ms - other.memory_kib_ms).max(0.0),
        }
    }

    fn and(self, other: Self) -> Self {
        Self {
            cpu_us: self.cpu_us + other.cpu_us,
            memory_kib_ms: self.memory_kib_ms + other.memory_kib_ms,
        }
    }
}

/// Usage by column, of the applications that used most; what the others used is one more.
#[derive(Clone, Debug)]
pub(crate) struct Columns {
    pub(crate) window: Window,
    /// Names, those that used most first; none for the others together, which come last.
    pub(crate) names: Vec<Option<String>>,
    /// How long each column was looked at, in milliseconds.
    looked_at: Vec<f64>,
    /// By name, then by column.
    sums: Vec<Vec<Sum>>,
}

/// Applications that have a colour of their own: so many by the processor, and others by
/// memory.
const BY_CPU: usize = 5;
const NAMED: usize = 8;

impl Columns {
    pub(crate) fn new(rows: &[Used], window: Window) -> Self {
        let mut looked_at = vec![0.0; window.columns];
        let mut total = vec![Sum::default(); window.columns];
        let mut by_name: BTreeMap<&str, Vec<Sum>> = BTreeMap::new();
        for used in rows {
            let sums = match &used.application {
                None => &mut total,
                Some(name) => by_name
                    .entry(name)
                    .or_insert_with(|| vec![Sum::default(); window.columns]),
            };
            for (column, share) in shares(used, &window) {
                sums[column].take(used, share);
                if used.application.is_none() {
                    looked_at[column] += share * used.ms as f64;
                }
            }
        }
        let (mut names, mut sums) = most(by_name);
        for (column, total) in total.iter_mut().enumerate() {
            let named = sums.iter().map(|sums| sums[column]);
            *total = total.less(named.fold(Sum::default(), Sum::and));
        }
        // What is left of a difference of fractions is no other application.
        if total
            .iter()
            .any(|it| it.cpu_us >= 1.0 || it.memory_kib_ms >= 1.0)
        {
            names.push(None);
            sums.push(total);
        }
        Self {
            window,
            names,
            looked_at,
            sums,
        }
    }

    /// Whether somebody looked at a column at all.
    pub(crate) fn is_known(&self, column: usize) -> bool {
        self.looked_at[column] > 0.0
    }

    /// The mean of a name in a column.
    pub(crate) fn value(&self, name: usize, column: usize, measure: Measure) -> f64 {
        mean(self.sums[name][column], self.looked_at[column], measure)
    }

    /// All names together, in a column.
    pub(crate) fn total(&self, column: usize, measure: Measure) -> f64 {
        (0..self.names.len())
            .map(|name| self.value(name, column, measure))
            .sum()
    }

    /// The mean of a name over all columns.
    pub(crate) fn mean(&self, name: usize, measure: Measure) -> f64 {
        let sum = self.sums[name]
            .iter()
            .copied()
            .fold(Sum::default(), Sum::and);
        mean(sum, self.looked_at.iter().sum(), measure)
    }

    /// The highest column of a name.
    pub(crate) fn highest(&self, name: usize, measure: Measure) -> f64 {
        (0..self.window.columns)
            .map(|column| self.value(name, column, measure))
            .fold(0.0, f64::max)
    }

    /// CPU time of a name, in microseconds.
    pub(crate) fn cpu_us(&self, name: usize) -> f64 {
        self.sums[name].iter().map(|sum| sum.cpu_us).sum()
    }
}

fn mean(sum: Sum, looked_at_ms: f64, measure: Measure) -> f64 {
    if looked_at_ms <= 0.0 {
        return 0.0;
    }
    match measure {
        Measure::Cpu => sum.cpu_us / (looked_at_ms * 10.0),
        Measure::Memory => sum.memory_kib_ms * 1024.0 / looked_at_ms,
    }
}

/// The columns in which `used` lies, with the share of it that does.
fn shares(used: &Used, window: &Window) -> impl Iterator<Item = (usize, f64)> {
    let length = (window.to_ms - window.from_ms) as f64;
    let column = move |ms: f64| ms / length * window.columns as f64;
    let from = used.from_ms.saturating_sub(window.from_ms) as f64;
    let to = from + used.ms.max(1) as f64;
    let (first, last) = (column(from), column(to));
    let begin = first.max(0.0) as usize;
    let end = (last.ceil().max(0.0) as usize).min(window.columns);
    (begin..end).map(move |place| {
        let inside = last.min(place as f64 + 1.0) - first.max(place as f64);
        (place, (inside / (last - first)).clamp(0.0, 1.0))
    })
}

/// Those with a colour of their own.
fn most(by_name: BTreeMap<&str, Vec<Sum>>) -> (Vec<Option<String>>, Vec<Vec<Sum>>) {
    let all = |sums: &[Sum]| sums.iter().copied().fold(Sum::default(), Sum::and);
    let mut list: Vec<(&str, Sum, Vec<Sum>)> = by_name
        .into_iter()
        .map(|(name, sums)| (name, all(&sums), sums))
        .collect();
    list.sort_by(|a, b| b.1.cpu_us.total_cmp(&a.1.cpu_us));
    let busy = BY_CPU.min(list.len());
    list[busy..].sort_by(|a, b| b.1.memory_kib_ms.total_cmp(&a.1.memory_kib_ms));
    list.truncate(NAMED);
    list.into_iter()
        .map(|(name, _, sums)| (Some(name.to_owned()), sums))
        .unzip()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used(from_ms: i64, ms: i64, application: &str, cpu_us: i64, mib: i64) -> Used {
        Used {
            from_ms,
            ms,
            application: (!application.is_empty()).then(|| application.to_owned()),
            cpu_us,
            memory_kib_ms: mib * 1024 * ms,
        }
    }

    const WINDOW: Window = Window {
        from_ms: 1_000_000,
        to_ms: 1_060_000,
        columns: 6,
    };

    #[test]
    fn what_lasts_over_columns_is_shared_and_what_is_outside_is_not_counted() {
        // Half of it before the window, and one and a half columns in it.
        let rows = [
            used(985_000, 30_000, "", 3_000_000, 100),
            used(985_000, 30_000, "firefox", 1_500_000, 100),
        ];
        let columns = Columns::new(&rows, WINDOW);
        assert_eq!(columns.names, [Some("firefox".to_owned()), None]);
        let cpu = |name, column| columns.value(name, column, Measure::Cpu);
        assert!((cpu(0, 0) - 5.0).abs() < 1e-9, "{}", cpu(0, 0));
        assert!(
            (cpu(0, 1) - 5.0).abs() < 1e-9,
            "the mean of what was looked at"
        );
        assert!((columns.total(0, Measure::Cpu) - 10.0).abs() < 1e-9);
        assert!((columns.value(0, 1, Measure::Memory) - 104_857_600.0).abs() < 1.0);
        assert_eq!(
            (0..6).map(|it| columns.is_known(it)).collect::<Vec<_>>(),
            [true, true, false, false, false, false]
        );
        assert!((columns.cpu_us(0) - 750_000.0).abs() < 1e-6);
    }

    #[test]
    fn beyond_those_that_used_most_the_others_are_one() {
        let mut rows = vec![used(1_000_000, 10_000, "", 5_000, 10_000)];
        for number in 0..20 {
            rows.push(used(
                1_000_000,
                10_000,
                &format!("app-{number:02}"),
                number,
                20 - number,
            ));
        }
        let columns = Columns::new(&rows, WINDOW);
        let named: Vec<&str> = columns.names.iter().flatten().map(String::as_str).collect();
        let expected = [
            "app-19", "app-18", "app-17", "app-16", "app-15", "app-00", "app-01", "app-02",
        ];
        assert_eq!(named, expected);
        assert_eq!(columns.names.last(), Some(&None));
        assert!((columns.cpu_us(8) - (5_000.0 - 88.0)).abs() < 1e-6);
    }

    #[test]
    fn whatever_the_rows_say_there_is_a_chart() {
        let rows = [
            used(i64::MIN, i64::MAX, "", i64::MAX, 0),
            used(i64::MAX, 1, "x", -5, 0),
            used(1_000_000, 0, "y", 1, 0),
        ];
        let columns = Columns::new(&rows, WINDOW);
        for column in 0..6 {
            assert!(columns.total(column, Measure::Memory).is_finite());
        }
        assert!(Columns::new(&[], WINDOW).names.is_empty());
    }
}
