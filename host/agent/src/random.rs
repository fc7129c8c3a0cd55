//! Random numbers, from the operating system.

/// A random number: the epoch of a run of reports, or a share of a pause.
pub(crate) fn number() -> anyhow::Result<u64> {
    let mut bytes = [0; 8];
    aws_lc_rs::rand::fill(&mut bytes)
        .map_err(|_| anyhow::anyhow!("the operating system gives no random bytes"))?;
    Ok(u64::from_le_bytes(bytes))
}
