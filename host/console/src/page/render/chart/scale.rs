//! The scale of an axis.

/// Round numbers whose halves are round as well.
const ROUND: [f64; 6] = [1.0, 2.0, 4.0, 6.0, 8.0, 10.0];

/// The end of a scale on which `highest` fits.
pub(super) fn end(highest: f64) -> f64 {
    if !highest.is_finite() || highest <= 0.0 {
        return 1.0;
    }
    let power = 10_f64.powf(highest.log10().floor());
    let fits = ROUND.iter().map(|it| it * power);
    fits.into_iter()
        .find(|end| *end >= highest * (1.0 - 1e-9))
        .unwrap_or(power * 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_ends_at_the_next_round_number() {
        for (highest, expected) in [
            (0.0, 1.0),
            (f64::NAN, 1.0),
            (0.13, 0.2),
            (1.0, 1.0),
            (3.2, 4.0),
            (99.0, 100.0),
            (101.0, 200.0),
            (5.1e9, 6e9),
        ] {
            let end = end(highest);
            assert!((end - expected).abs() < expected * 1e-9, "{highest}: {end}");
        }
    }
}
