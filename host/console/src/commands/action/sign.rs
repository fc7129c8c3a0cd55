//! The operator's key, and what it signs.

use anyhow::Context as _;
use bailiwick_core::action::Envelope;
use bailiwick_repository as repository;
use serde_json::json;

use super::{read, write};
use crate::{
    actions::Draft,
    cli_action::{Key, Sign},
    clock,
    commands::repo::tell_as,
};

pub(super) fn key(arguments: &Key) -> anyhow::Result<()> {
    let Key { name, out, json } = arguments;
    let plain = (1..=63).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    anyhow::ensure!(
        plain,
        "the name of a key is 1 to 63 of `a-z`, `0-9` and `-`"
    );
    std::fs::create_dir_all(out).with_context(|| format!("{} can't be made", out.display()))?;
    let key = repository::Key::generate(out, repository::OPERATOR, name)?;
    let [private, public] = ["json", "pub"].map(|end| out.join(format!("{name}.{end}")));
    let words = format!(
        "made {}, which stays on this machine\n  key  {}\n  \
         next: whoever holds the key of policies runs `bailiwick-console repo operator add {}`",
        private.display(),
        key.operator(),
        public.display(),
    );
    let answer = json!({ "name": name, "id": key.operator(), "key": private, "public": public });
    tell_as(*json, &answer, &words);
    Ok(())
}

pub(super) fn sign(arguments: &Sign) -> anyhow::Result<()> {
    let draft: Draft = serde_json::from_slice(&read(&arguments.draft)?)
        .with_context(|| format!("{} is no draft", arguments.draft.display()))?;
    anyhow::ensure!(
        draft.draft == 1,
        "the draft is of another version of this program"
    );
    let key = repository::Key::load(&arguments.key)?;
    let envelope = seal(&draft, &key)?;
    write(arguments.out.as_deref(), &envelope.to_bytes())?;
    eprintln!("signed {}", envelope.id());
    Ok(())
}

/// Shows and signs.
pub(super) fn seal(draft: &Draft, key: &repository::Key) -> anyhow::Result<Envelope> {
    let document = draft.document(key.operator(), clock::now())?;
    // Whoever signs reads what it is, whatever the draft was called.
    let shown = serde_json::to_string_pretty(&document)?;
    eprintln!("signing with {}:\n{shown}", key.name());
    Ok(key.seal(document)?)
}
