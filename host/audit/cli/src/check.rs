//! `bailiwick-audit check`.

use std::process::ExitCode;

use crate::cli::Check;

/// Reads what the command line names, judges it, and prints the report.
///
/// # Errors
/// Nothing could be judged at all.
pub(crate) fn check(asked: &Check) -> anyhow::Result<ExitCode> {
    anyhow::ensure!(
        asked.policy.is_some() || !asked.components.is_empty(),
        "name policies with --policy, or components"
    );
    anyhow::bail!("this version judges nothing yet")
}
