//! `bailiwick-console login`.

use anyhow::Context as _;

use crate::{
    cli::Login,
    clock,
    page::{self, LoginLink},
};

pub(super) fn run(arguments: &Login) -> anyhow::Result<()> {
    let address = page::noted_address(&arguments.data).with_context(|| {
        format!(
            "{} has no page yet: start `bailiwick-console serve` with this folder, which prints a \
             login link of its own",
            arguments.data.display()
        )
    })?;
    let link = LoginLink::make(&arguments.data, &address, arguments.role, clock::now())?;
    println!("{}", words(&link));
    Ok(())
}

/// The link for a person.
pub(super) fn words(link: &LoginLink) -> String {
    format!(
        "log in as {}, once, within {} minutes: {}",
        link.role,
        page::LIFE_MS / 60_000,
        link.url
    )
}
