//! Rows of the register as they are read.

use std::str::FromStr;

use bailiwick_core::{digest::Sha256, enrolment::Invitation, ids::DeviceId, time::Timestamp};
use rusqlite::{Connection, OptionalExtension as _, Row, types::Type};

use super::Use;

/// A token in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MadeToken {
    /// Digest of its secret: 64 hexadecimal digits.
    pub(crate) token: String,
    pub(crate) made_ms: i64,
    pub(crate) expires_ms: i64,
    /// The device that it is for, if it is for one.
    pub(crate) device: Option<String>,
    pub(crate) group: Option<String>,
    pub(crate) withdrawn_ms: Option<i64>,
    /// When and by which device it was used.
    pub(crate) used: Option<(i64, String)>,
}

/// How a token stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenState {
    Waits,
    Used,
    Withdrawn,
    Expired,
}

impl TokenState {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Waits => "waits",
            Self::Used => "used",
            Self::Withdrawn => "withdrawn",
            Self::Expired => "expired",
        }
    }
}

impl MadeToken {
    pub(crate) fn state(&self, now: Timestamp) -> TokenState {
        if self.withdrawn_ms.is_some() {
            TokenState::Withdrawn
        } else if self.used.is_some() {
            TokenState::Used
        } else if super::whole(now) >= self.expires_ms {
            TokenState::Expired
        } else {
            TokenState::Waits
        }
    }
}

/// An enrolled device in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Device {
    /// 32 hexadecimal digits.
    pub(crate) device: String,
    /// When it was enrolled last.
    pub(crate) enrolled_ms: i64,
    /// When it got its latest certificate.
    pub(crate) issued_ms: i64,
    /// When that ends.
    pub(crate) expires_ms: i64,
    /// When the device was revoked, if it is.
    pub(crate) revoked_ms: Option<i64>,
}

/// An attempt that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Turned {
    pub(crate) at_ms: i64,
    /// Digest of the token's secret.
    pub(crate) token: String,
    /// The device that it said to be.
    pub(crate) device: String,
    /// Where it came from.
    pub(crate) address: String,
    pub(crate) reason: String,
    /// Whether two parties had one secret.
    pub(crate) alarm: bool,
}

pub(super) fn invitation(
    connection: &Connection,
    token: &Sha256,
) -> rusqlite::Result<Option<Invitation>> {
    connection
        .query_row(
            "SELECT expires_ms, withdrawn_ms IS NOT NULL, device, used_by, used_key
             FROM tokens WHERE token = ?1",
            [token.to_string()],
            |row| {
                let used_by: Option<DeviceId> = maybe(row, 3)?;
                let used_key: Option<Sha256> = maybe(row, 4)?;
                Ok(Invitation {
                    expires: time(row, 0)?,
                    withdrawn: row.get(1)?,
                    device: maybe(row, 2)?,
                    used: used_by
                        .zip(used_key)
                        .map(|(device, key)| Use { device, key }),
                })
            },
        )
        .optional()
}

pub(super) fn tokens(connection: &Connection, most: i64) -> rusqlite::Result<Vec<MadeToken>> {
    let mut statement =
        connection.prepare_cached("SELECT * FROM tokens ORDER BY made_ms DESC, token LIMIT ?1")?;
    let rows = statement.query_map([most], |row| {
        let used: (Option<i64>, Option<String>) = (row.get("used_ms")?, row.get("used_by")?);
        Ok(MadeToken {
            token: row.get("token")?,
            made_ms: row.get("made_ms")?,
            expires_ms: row.get("expires_ms")?,
            device: row.get("device")?,
            group: row.get("of_group")?,
            withdrawn_ms: row.get("withdrawn_ms")?,
            used: used.0.zip(used.1),
        })
    })?;
    rows.collect()
}

/// A device is revoked while each of its certificates is.
const DEVICE: &str = "SELECT device,
        max(CASE WHEN token IS NULL THEN 0 ELSE issued_ms END) AS enrolled_ms,
        max(issued_ms) AS issued_ms, max(expires_ms) AS expires_ms,
        CASE WHEN count(*) = count(revoked_ms) THEN max(revoked_ms) END AS revoked_ms
     FROM certificates";

pub(super) fn devices(connection: &Connection, most: i64) -> rusqlite::Result<Vec<Device>> {
    let question = format!("{DEVICE} GROUP BY device ORDER BY device LIMIT ?1");
    let mut statement = connection.prepare_cached(&question)?;
    let rows = statement.query_map([most], enrolled)?;
    rows.collect()
}

pub(super) fn device(
    connection: &Connection,
    device: &DeviceId,
) -> rusqlite::Result<Option<Device>> {
    let question = format!("{DEVICE} WHERE device = ?1 GROUP BY device");
    let mut statement = connection.prepare_cached(&question)?;
    statement
        .query_row([device.to_string()], enrolled)
        .optional()
}

fn enrolled(row: &Row<'_>) -> rusqlite::Result<Device> {
    Ok(Device {
        device: row.get("device")?,
        enrolled_ms: row.get("enrolled_ms")?,
        issued_ms: row.get("issued_ms")?,
        expires_ms: row.get("expires_ms")?,
        revoked_ms: row.get("revoked_ms")?,
    })
}

pub(super) fn ended(connection: &Connection, now: Timestamp) -> rusqlite::Result<Vec<DeviceId>> {
    let mut statement = connection.prepare_cached(
        "SELECT device FROM certificates GROUP BY device
         HAVING sum(revoked_ms IS NULL AND expires_ms > ?1) = 0",
    )?;
    let rows = statement.query_map([super::whole(now)], |row| parsed(row, 0))?;
    rows.collect()
}

pub(super) fn refusals(connection: &Connection, most: i64) -> rusqlite::Result<Vec<Turned>> {
    let mut statement =
        connection.prepare_cached("SELECT * FROM refusals ORDER BY id DESC LIMIT ?1")?;
    let rows = statement.query_map([most], |row| {
        Ok(Turned {
            at_ms: row.get("at_ms")?,
            token: row.get("token")?,
            device: row.get("device")?,
            address: row.get("address")?,
            reason: row.get("reason")?,
            alarm: row.get("alarm")?,
        })
    })?;
    rows.collect()
}

pub(super) fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    let ms: i64 = row.get(column)?;
    Ok(Timestamp::from_ms(u64::try_from(ms).unwrap_or(0)))
}

/// What is text in the database.
pub(super) fn parsed<T: FromStr>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    text.parse().map_err(|_| unreadable(column, text))
}

fn maybe<T: FromStr>(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<T>> {
    let text: Option<String> = row.get(column)?;
    text.map(|text| text.parse().map_err(|_| unreadable(column, text)))
        .transpose()
}

fn unreadable(column: usize, text: String) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, text.into())
}
