//! Who sends a report, and where it stands in the sequence.

use super::WireError;
use crate::{
    Flaw, SchemaHash, SnapshotHash,
    input::Input,
    varint::{put, put_text},
};

const MAGIC: &[u8] = b"BWP";
const VERSION: u8 = 1;
const DIFF: u8 = 1;
const COMPRESSED: u8 = 2;

/// A plugin's name or version that no report carries.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OriginError {
    /// A name outside the grammar.
    #[error(
        "`{0}` is not a plugin's name: it takes 1 to 63 of `a-z`, `0-9` and `-`, beginning with a letter"
    )]
    Plugin(String),
    /// A version outside the grammar.
    #[error("`{0}` is not a plugin's version: it takes 1 to 64 letters, digits and `.+-`")]
    Version(String),
}

/// Which plugin on which device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    device: [u8; 16],
    plugin: String,
    version: String,
}

impl Origin {
    /// A plugin on a device. `version` is the plugin's, as text.
    ///
    /// # Errors
    /// A name other than 1 to 63 of `a-z`, `0-9`, `-` beginning with a letter; a version
    /// other than 1 to 64 of ASCII letters, digits, `.`, `+`, `-`.
    pub fn new(
        device: [u8; 16],
        plugin: impl Into<String>,
        version: impl Into<String>,
    ) -> Result<Self, OriginError> {
        let (plugin, version) = (plugin.into(), version.into());
        let name_fits = (1..=63).contains(&plugin.len())
            && plugin.starts_with(|c: char| c.is_ascii_lowercase())
            && plugin
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if !name_fits {
            return Err(OriginError::Plugin(plugin.chars().take(80).collect()));
        }
        let version_fits = (1..=64).contains(&version.len())
            && version
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b".+-".contains(&b));
        if !version_fits {
            return Err(OriginError::Version(version.chars().take(80).collect()));
        }
        Ok(Self {
            device,
            plugin,
            version,
        })
    }

    /// The device's id.
    pub fn device(&self) -> &[u8; 16] {
        &self.device
    }

    /// The plugin's name.
    pub fn plugin(&self) -> &str {
        &self.plugin
    }

    /// The plugin's version.
    pub fn version(&self) -> &str {
        &self.version
    }
}

/// What is known of a report without its body.
///
/// It does not prove who sent it: a receiver compares the device with the one that
/// authenticated itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// Which plugin on which device.
    pub origin: Origin,
    /// When the rows were read, in milliseconds since 1970-01-01T00:00:00Z by the device's
    /// clock.
    pub taken_at: u64,
    /// A random number per run of reports; a new one whenever the sender lost its state or
    /// was asked for a full report.
    pub epoch: u64,
    /// 0 for the first report of an epoch, one more for each after it.
    pub counter: u64,
    /// What the rows look like.
    pub schema: SchemaHash,
    /// The snapshot that a diff is against; `None` for a full report.
    pub base: Option<SnapshotHash>,
    /// The snapshot that the receiver has afterwards.
    pub result: SnapshotHash,
}

impl Envelope {
    /// Whether the report has all rows.
    pub fn is_full(&self) -> bool {
        self.base.is_none()
    }
}

pub(super) fn write(envelope: &Envelope, compressed: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(MAGIC);
    out.push(VERSION);
    let diff = if envelope.is_full() { 0 } else { DIFF };
    out.push(diff | if compressed { COMPRESSED } else { 0 });
    out.extend_from_slice(&envelope.origin.device);
    put_text(out, &envelope.origin.plugin);
    put_text(out, &envelope.origin.version);
    put(out, envelope.taken_at);
    out.extend_from_slice(&envelope.epoch.to_le_bytes());
    put(out, envelope.counter);
    out.extend_from_slice(&envelope.schema.0);
    if let Some(base) = envelope.base {
        out.extend_from_slice(&base.0);
    }
    out.extend_from_slice(&envelope.result.0);
}

/// The envelope, and whether the body is compressed.
pub(super) fn read(input: &mut Input<'_>) -> Result<(Envelope, bool), WireError> {
    if input.take(MAGIC.len()).ok() != Some(MAGIC) {
        return Err(WireError::Magic);
    }
    match input.byte() {
        Ok(VERSION) => {}
        Ok(later) => return Err(WireError::Version(later)),
        Err(_) => return Err(WireError::Magic),
    }
    let read = flags(input).and_then(|flags| Ok((flags, origin(input)?)));
    let (flags, (device, plugin, version)) = read.map_err(|flaw| at(input, flaw))?;
    let origin = Origin::new(device, plugin, version)?;
    let envelope = sequence(origin, flags & DIFF != 0, input).map_err(|flaw| at(input, flaw))?;
    Ok((envelope, flags & COMPRESSED != 0))
}

fn at(input: &Input<'_>, flaw: Flaw) -> WireError {
    WireError::Envelope {
        offset: input.offset(),
        flaw,
    }
}

fn flags(input: &mut Input<'_>) -> Result<u8, Flaw> {
    match input.byte()? {
        code if code > DIFF | COMPRESSED => Err(Flaw::UnknownCode {
            what: "the set of flags",
            code,
        }),
        flags => Ok(flags),
    }
}

fn origin<'a>(input: &mut Input<'a>) -> Result<([u8; 16], &'a str, &'a str), Flaw> {
    Ok((input.array()?, input.text()?, input.text()?))
}

fn sequence(origin: Origin, diff: bool, input: &mut Input<'_>) -> Result<Envelope, Flaw> {
    Ok(Envelope {
        origin,
        taken_at: input.varint()?,
        epoch: u64::from_le_bytes(input.array()?),
        counter: input.varint()?,
        schema: SchemaHash(input.array()?),
        base: if diff {
            Some(SnapshotHash(input.array()?))
        } else {
            None
        },
        result: SnapshotHash(input.array()?),
    })
}
