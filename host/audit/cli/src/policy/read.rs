//! The files that are compared and explained.

use std::{fs, io::Read as _, path::Path};

use anyhow::{Context as _, bail};
use bailiwick_audit::{LARGEST, inspect};
use bailiwick_core::{
    audit::ComponentImports,
    bytes::ByteCount,
    policy::{LONGEST, Policy},
};

/// What a component's file begins with; a policy's never does.
const WASM: &[u8] = b"\0asm";

/// A file that can be compared.
pub(super) enum Document {
    Policy(Box<Policy>),
    Component(ComponentImports),
}

/// Reads a policy or a component, whatever its name.
///
/// # Errors
/// It is neither, with its place.
pub(super) fn document(path: &Path) -> anyhow::Result<Document> {
    let bytes = bytes(path, LARGEST)?;
    if bytes.starts_with(WASM) {
        let inspection = inspect(&bytes).with_context(|| path.display().to_string())?;
        return Ok(Document::Component(inspection.component_imports()));
    }
    as_policy(path, bytes).map(|policy| Document::Policy(Box::new(policy)))
}

/// Reads a policy.
///
/// # Errors
/// It is none, with its place and what to write.
pub(super) fn policy(path: &Path) -> anyhow::Result<Policy> {
    as_policy(path, bytes(path, LONGEST)?)
}

fn as_policy(path: &Path, bytes: Vec<u8>) -> anyhow::Result<Policy> {
    let Ok(text) = String::from_utf8(bytes) else {
        bail!(
            "{} is neither a policy, which is TOML in UTF-8, nor a component, which is wasm",
            path.display()
        );
    };
    Ok(Policy::parse(&path.display().to_string(), &text)?)
}

/// Reads a text.
///
/// # Errors
/// It can't be read, is longer than `at_most`, or is not UTF-8.
pub(super) fn text(path: &Path, at_most: ByteCount) -> anyhow::Result<String> {
    let bytes = bytes(path, at_most)?;
    String::from_utf8(bytes).with_context(|| format!("{} is not UTF-8", path.display()))
}

/// The file, if it is no longer than `at_most`: one byte more is read at most.
fn bytes(path: &Path, at_most: ByteCount) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    fs::File::open(path)
        .and_then(|file| file.take(at_most.get() + 1).read_to_end(&mut bytes))
        .with_context(|| format!("{} can't be read", path.display()))?;
    if bytes.len() as u64 > at_most.get() {
        bail!("{} is longer than {at_most}", path.display());
    }
    Ok(bytes)
}
