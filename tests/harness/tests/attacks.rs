//! The hostile components of `tests/guests/device`, each run in the real sandbox against two
//! devices: one whose port lacks the one defence, and ours. It must succeed against the first, or
//! it would prove nothing, and fail against the second. Files, processes, terminals and the store
//! are real; the port without the defence is written here, as somebody would who did not think of
//! the attack.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod attacks {
    pub(super) mod device;
    pub(super) mod files;
    pub(super) mod processes;
    pub(super) mod state;
    pub(super) mod terminals;
    pub(super) mod watched;
}

use std::collections::BTreeSet;

use bailiwick_harness::hostile;

/// A test for each guest, and one that fails if a guest has none.
macro_rules! guests {
    ($($name:literal => $test:ident by $scene:path;)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                attacks::device::judge($name, $scene).await;
            }
        )*

        #[test]
        fn every_guest_of_a_device_is_claimed_by_a_test() {
            let claimed: BTreeSet<String> = [$($name.to_owned()),*].into();
            assert_eq!(hostile::names(), claimed);
        }
    };
}

guests! {
    "bytes-that-control-a-terminal" => bytes_that_control_a_terminal_are_taken_out
        by attacks::terminals::bytes;
    "changes-behind-a-link" => changes_behind_a_link_are_not_told
        by attacks::watched::link;
    "changes-without-end" => changes_without_end_are_not_kept
        by attacks::watched::flood;
    "folder-that-is-exchanged" => a_folder_that_is_exchanged_leads_nowhere_else
        by attacks::files::exchanged;
    "hard-link-to-a-secret" => a_hard_link_that_others_made_is_not_read
        by attacks::files::hard_link;
    "line-in-another-name" => a_line_in_another_name_is_marked
        by attacks::terminals::line;
    "link-out-of-the-root" => a_link_out_of_the_root_is_not_followed
        by attacks::files::link_out;
    "link-to-what-is-denied" => a_link_to_what_is_denied_is_not_followed
        by attacks::files::link_to_denied;
    "pipe-without-an-end" => a_pipe_without_an_end_is_not_waited_for
        by attacks::files::pipe;
    "process-of-the-agent" => a_process_of_the_agent_is_left_alone
        by attacks::processes::of_the_agent;
    "process-that-has-the-id-now" => a_process_that_has_the_id_now_is_left_alone
        by attacks::processes::id_of_another;
    "state-of-another-session" => state_of_another_session_is_not_found
        by attacks::state::of_another_session;
}
