use proptest::prelude::*;

use super::*;

const MB: u64 = 1_000_000;

fn at(seconds: u64) -> Monotonic {
    Monotonic::from_ns(seconds * 1_000_000_000)
}

fn used(cpu_ms: u64, resident: u64) -> Used {
    Used {
        cpu: Duration::from_millis(cpu_ms),
        resident: ByteCount::new(resident),
        supply: Supply::Mains,
    }
}

fn stretch(pressure: &Pressure) -> u32 {
    pressure.standing().stretch.get()
}

#[test]
fn a_share_reads_what_it_writes_and_nothing_else() {
    for text in ["1 %", "0.01 %", "0.5 %", "12.34 %", "100 %"] {
        assert_eq!(text.parse::<CpuShare>().unwrap().to_string(), text);
    }
    assert_eq!("1%".parse(), Ok(CpuShare::PERCENT));
    assert_eq!("1.00 %".parse(), Ok(CpuShare::PERCENT));
    for text in [
        "",
        "1",
        "%",
        "0 %",
        "0.00 %",
        "100.01 %",
        "1.005 %",
        "+1 %",
        "1. %",
        ".5 %",
        "-1 %",
        "9999999999 %",
        "1 1 %",
    ] {
        assert!(text.parse::<CpuShare>().is_err(), "{text}");
    }
    let second = Duration::from_secs(1);
    assert_eq!(CpuShare::of(second, second * 100), CpuShare::PERCENT);
    assert_eq!(CpuShare::of(Duration::MAX, Duration::ZERO).get(), u32::MAX);
}

#[test]
fn more_than_600_ms_in_a_minute_stretches_and_a_minute_decides_anew() {
    let budget = Budget::default();
    let mut pressure = Pressure::default();
    assert!(
        !pressure.observe(at(0), used(9_000, MB), &budget),
        "starting is not counted"
    );
    assert!(
        !pressure.observe(at(15), used(9_600, MB), &budget),
        "as much as it may"
    );
    assert!(pressure.observe(at(30), used(9_607, MB), &budget));
    assert_eq!(pressure.standing().cpu.to_string(), "1.02 %");
    assert_eq!(stretch(&pressure), 2);
    // What was used before counts no more, and nothing changes within a minute.
    assert!(!pressure.observe(at(31), used(9_999, MB), &budget));
    assert!(!pressure.observe(at(60), used(99_999, MB), &budget));
    assert!(pressure.observe(at(90), used(99_999, MB), &budget));
    assert_eq!(stretch(&pressure), 4);
    // Back step by step.
    assert!(pressure.observe(at(150), used(100_100, MB), &budget));
    assert!(!pressure.observe(at(209), used(100_100, MB), &budget));
    assert!(pressure.observe(at(210), used(100_100, MB), &budget));
    assert_eq!(stretch(&pressure), 1);
}

#[test]
fn memory_is_short_until_an_eighth_is_free() {
    let budget = Budget::default();
    let mut pressure = Pressure::default();
    assert!(!pressure.observe(at(0), used(0, 80 * MB), &budget));
    assert!(pressure.observe(at(15), used(0, 80 * MB + 1), &budget));
    assert!(pressure.standing().short_of_memory);
    assert!(pressure.observe(at(75), used(0, 70 * MB + 1), &budget));
    assert_eq!(stretch(&pressure), 4);
    assert!(pressure.observe(at(135), used(0, 70 * MB), &budget));
    assert!(!pressure.standing().short_of_memory);
    assert_eq!(stretch(&pressure), 2);
}

#[test]
fn on_battery_everything_is_half_as_often_within_the_bound() {
    let budget = Budget::default();
    let mut pressure = Pressure::default();
    let on_battery = |resident| Used {
        supply: Supply::Battery,
        ..used(0, resident)
    };
    assert!(pressure.observe(at(0), on_battery(MB), &budget));
    assert_eq!(stretch(&pressure), 2);
    assert!(pressure.observe(at(1), used(0, MB), &budget), "at once");
    for minute in 1..9 {
        pressure.observe(at(60 * minute), on_battery(81 * MB), &budget);
    }
    assert_eq!(pressure.standing().stretch, Stretch::MOST);
}

#[test]
fn what_is_called_once_an_hour_is_not_stretched_and_nothing_beyond_it() {
    let seconds = Duration::from_secs;
    for (every, stretched) in [(15, 120), (600, 3_600), (3_600, 3_600), (86_400, 86_400)] {
        assert_eq!(Stretch::MOST.of(seconds(every)), seconds(stretched));
    }
    for (factor, nearest) in [(0, 1), (1, 1), (3, 2), (8, 8), (u32::MAX, 8)] {
        assert_eq!(Stretch::nearest(factor).get(), nearest);
    }
}

proptest! {
    /// Whatever is used, however the clock goes.
    #[test]
    fn the_stretch_has_bounds_and_takes_one_step_a_minute(
        looks in prop::collection::vec(
            (0_u64..200, 0_u64..5_000, 0_u64..200, any::<bool>()), 1..200,
        ),
        hundredths in 1_u32..1_000,
    ) {
        let budget = Budget { cpu: CpuShare::new(hundredths), ..Budget::default() };
        let mut pressure = Pressure::default();
        let (mut now, mut cpu, mut changed) = (0, 0, None);
        let mut level = 0;
        for (step, spent, resident, battery) in looks {
            now += step;
            cpu += spent;
            let supply = if battery { Supply::Battery } else { Supply::Mains };
            let before = pressure.standing().stretch;
            let other = pressure.observe(at(now), Used { supply, ..used(cpu, resident * MB) }, &budget);
            let stretch = pressure.standing().stretch;
            prop_assert_eq!(other, stretch != before);
            prop_assert!(Stretch::NONE <= stretch && stretch <= Stretch::MOST);
            prop_assert!(pressure.marks.len() <= 62);
            if pressure.level != level {
                prop_assert_eq!(pressure.level.abs_diff(level), 1);
                prop_assert!(changed.is_none_or(|at| now - at >= 60));
                (level, changed) = (pressure.level, Some(now));
            }
        }
    }

    /// A load that is what it is: calls of the same cost, as often as the stretch says.
    #[test]
    fn a_steady_load_finds_its_stretch_and_stays(every in 1_u64..120, cost in 1_u64..40_000) {
        let budget = Budget::default();
        let mut pressure = Pressure::default();
        let (mut now, mut cpu) = (0, 0);
        let mut before = Stretch::NONE;
        for _ in 0..600 {
            pressure.observe(at(now), used(cpu, MB), &budget);
            let stretch = pressure.standing().stretch;
            prop_assert!(stretch >= before, "it went back to come again");
            before = stretch;
            now += stretch.of(Duration::from_secs(every)).as_secs();
            cpu += cost;
        }
        // Within the budget, or as seldom as can be.
        prop_assert!(before == Stretch::MOST || pressure.standing().cpu <= budget.cpu);
    }
}
