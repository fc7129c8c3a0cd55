//! Each component of `tests/guests` is run by the test of its name. What a test asks of it
//! stands in that test's file.

#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod guests {
    pub(super) mod meddling;
    pub(super) mod new_field;
    pub(super) mod wasip2;
}

use std::collections::BTreeSet;

use bailiwick_harness::guest;

/// A test for each guest, and one that fails if a guest has none.
macro_rules! guests {
    ($($name:literal => $test:ident by $run:path;)*) => {
        $(
            #[tokio::test]
            async fn $test() {
                $run($name).await;
            }
        )*

        #[test]
        fn every_guest_is_claimed_by_a_test() {
            let claimed: BTreeSet<String> = [$($name.to_owned()),*].into();
            assert_eq!(guest::names(), claimed);
        }
    };
}

guests! {
    "inventory-with-a-new-field" => a_new_field_touches_nothing_under_host
        by guests::new_field::run;
    "meddler" => a_guest_of_scenarios_imports_what_it_is_granted
        by guests::meddling::run;
    "wasip2-clock-and-print" => an_ordinary_program_runs_on_the_inert_baseline
        by guests::wasip2::print;
    "wasip2-socket" => a_program_that_uses_sockets_gets_none_and_is_refused_by_the_audit
        by guests::wasip2::socket;
}
