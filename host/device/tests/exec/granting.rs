//! Policies for the orders of tests: the privileged process starts nothing without one.

use std::{fs, path::Path};

use bailiwick_core::{digest::Sha256, policy::RunAs, ports::ExecOrder};

/// Keeps a policy in `folder` that grants `order` and nothing else, and gives its digest.
pub(crate) fn grant(order: &ExecOrder, folder: &Path) -> std::io::Result<Sha256> {
    let policy = policy(order);
    let digest = Sha256::of(policy.as_bytes());
    fs::write(folder.join(digest.to_string()), policy)?;
    Ok(digest)
}

fn policy(order: &ExecOrder) -> String {
    let program = &order.program;
    let run_as = match &program.run_as {
        RunAs::Root => "root",
        RunAs::Session => "@session",
        RunAs::User(name) => name,
    };
    let variables = order.environment.iter();
    let variables = variables.map(|(name, value)| format!("{name} = {value:?}"));
    let content = program
        .sha256
        .map(|digest| format!("sha256 = \"{digest}\", "));
    format!(
        "{}
[[grant]]
capability = \"exec\"
effect = \"allow\"
programs = [{{ path = {:?}, {}arguments = [{:?}], run-as = {run_as:?}, environment = {{ {} }}, \
         directory = {:?}, time-limit = \"{} ms\" }}]
reason = \"A test.\"
approved-by = \"tests\"
risk = \"high\"
",
        include_str!("../../../core/fixtures/policy.toml"),
        program.path,
        content.unwrap_or_default(),
        order.arguments,
        variables.collect::<Vec<_>>().join(", "),
        program.directory,
        program.time_limit.as_millis(),
    )
}
