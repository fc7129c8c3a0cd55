//! What was decided about tokens and devices, in one SQLite database.
//!
//! `serve` writes it, and so do the verbs of `device`, also while `serve` runs: every change
//! is one transaction that begins with the lock.

mod rows;
mod schema;

use std::{
    net::IpAddr,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use bailiwick_core::{
    digest::Sha256,
    enrolment::{Applicant, Refusal, Standing, Use, Verdict, judge},
    ids::{DeviceId, GroupName},
    time::Timestamp,
};
use bailiwick_transport::enrol::Certificate;
use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params};

use super::AuthorityError;
pub(crate) use rows::{Device, MadeToken, TokenState, Turned};

/// Name of the database in the console's data folder.
pub(crate) const FILE: &str = "enrolment.sqlite";
/// Refusals that are kept, the latest.
const REFUSALS: i64 = 1_000;
/// A page or a list shows so many at most.
const LISTED: i64 = 10_000;

/// Tokens, certificates and refusals.
pub(crate) struct Register {
    writer: Mutex<Connection>,
    /// Look-ups never wait for a commit.
    reader: Mutex<Connection>,
}

/// The register can't be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RegisterError {
    #[error(
        "the database {path} can't be opened: {reason}; check the folder, its owner and the free space"
    )]
    Open { path: PathBuf, reason: String },
    #[error(
        "the database {path} has version {version}, which a later bailiwick-console wrote: use that one"
    )]
    Newer { path: PathBuf, version: i64 },
    #[error("the register of devices can't be read or written: {0}")]
    Failed(#[from] rusqlite::Error),
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    #[error("{0}")]
    Refused(String),
}

/// What the register says of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) device: DeviceId,
    pub(crate) expires: Timestamp,
    pub(crate) is_revoked: bool,
}

/// Certificates of one device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Certificates {
    /// Those that were not revoked, expired or not.
    pub(crate) valid: i64,
    pub(crate) revoked: i64,
}

/// How an attempt with a token ended.
#[derive(Debug)]
pub(crate) enum Settled {
    Issued { der: Vec<u8>, is_new: bool },
    Refused(Refusal),
}

/// A token to be made.
#[derive(Debug)]
pub(crate) struct Invite {
    /// Digest of its secret.
    pub(crate) token: Sha256,
    pub(crate) expires: Timestamp,
    pub(crate) device: Option<DeviceId>,
    pub(crate) group: Option<GroupName>,
}

impl Register {
    /// Opens the register of a console, and makes it if there is none.
    pub(crate) fn open(data: &Path) -> Result<Self, RegisterError> {
        let path = data.join(FILE);
        Ok(Self {
            writer: Mutex::new(schema::open(&path)?),
            reader: Mutex::new(schema::open(&path)?),
        })
    }

    /// Remembers a token.
    pub(crate) fn invite(&self, invite: &Invite, now: Timestamp) -> Result<(), RegisterError> {
        self.change(|transaction| {
            transaction.execute(
                "INSERT INTO tokens (token, made_ms, expires_ms, device, of_group)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
                params![
                    invite.token.to_string(),
                    whole(now),
                    whole(invite.expires),
                    invite.device.map(|device| device.to_string()),
                    invite.group.as_ref().map(GroupName::as_str),
                ],
            )?;
            Ok(())
        })
    }

    /// Judges an attempt with the token of this digest, and keeps what came of it. `issue`
    /// makes the certificate if there is to be one.
    pub(crate) fn enrol(
        &self,
        token: &Sha256,
        applicant: &Applicant,
        from: IpAddr,
        now: Timestamp,
        issue: impl FnOnce() -> Result<Vec<u8>, AuthorityError>,
    ) -> Result<Settled, RegisterError> {
        self.change(|transaction| {
            let invitation = rows::invitation(transaction, token)?;
            let standing = match is_enrolled(transaction, &applicant.device)? {
                true => Standing::Enrolled,
                false => Standing::New,
            };
            match judge(invitation.as_ref(), applicant, standing, now) {
                Verdict::Issue => {
                    let der = issue()?;
                    keep(transaction, &der, applicant, Some(token), now)?;
                    let Applicant { device, key } = applicant;
                    transaction.execute(
                        "UPDATE tokens SET used_ms = ?2, used_by = ?3, used_key = ?4
                         WHERE token = ?1",
                        params![
                            token.to_string(),
                            whole(now),
                            device.to_string(),
                            key.to_string()
                        ],
                    )?;
                    Ok(Settled::Issued { der, is_new: true })
                }
                Verdict::Repeat => {
                    let der = transaction.query_row(
                        "SELECT der FROM certificates WHERE token = ?1",
                        [token.to_string()],
                        |row| row.get(0),
                    )?;
                    Ok(Settled::Issued { der, is_new: false })
                }
                Verdict::Refuse(refusal) => {
                    // Anybody can show a token that there is not, and fill the disk with it.
                    if invitation.is_some() {
                        turned_away(transaction, token, applicant, from, &refusal, now)?;
                    }
                    Ok(Settled::Refused(refusal))
                }
            }
        })
    }

    /// The next certificate of a device; the same one if it asks with the same key again.
    pub(crate) fn renew(
        &self,
        applicant: &Applicant,
        now: Timestamp,
        issue: impl FnOnce() -> Result<Vec<u8>, AuthorityError>,
    ) -> Result<(Vec<u8>, bool), RegisterError> {
        self.change(|transaction| {
            let Applicant { device, key } = applicant;
            let known: Option<Vec<u8>> = transaction
                .query_row(
                    "SELECT der FROM certificates
                     WHERE device = ?1 AND key = ?2 AND revoked_ms IS NULL",
                    [device.to_string(), key.to_string()],
                    |row| row.get(0),
                )
                .optional()?;
            if let Some(der) = known {
                return Ok((der, false));
            }
            let der = issue()?;
            keep(transaction, &der, applicant, None, now)?;
            Ok((der, true))
        })
    }

    /// What is known of the certificate with this digest.
    pub(crate) fn certificate(&self, sha256: &Sha256) -> Result<Option<Known>, RegisterError> {
        let reader = lock(&self.reader);
        let mut statement = reader.prepare_cached(
            "SELECT device, expires_ms, revoked_ms IS NOT NULL FROM certificates WHERE sha256 = ?1",
        )?;
        let known = statement.query_row([sha256.to_string()], |row| {
            Ok(Known {
                device: rows::parsed(row, 0)?,
                expires: rows::time(row, 1)?,
                is_revoked: row.get(2)?,
            })
        });
        Ok(known.optional()?)
    }

    /// Whether a device has, or had, a certificate.
    pub(crate) fn is_enrolled(&self, device: &DeviceId) -> Result<bool, RegisterError> {
        Ok(is_enrolled(&lock(&self.reader), device)?)
    }

    /// How many certificates a device has, or had.
    pub(crate) fn certificates_of(&self, device: &DeviceId) -> Result<Certificates, RegisterError> {
        let reader = lock(&self.reader);
        let mut statement = reader.prepare_cached(
            "SELECT count(*) - count(revoked_ms), count(revoked_ms) FROM certificates
             WHERE device = ?1",
        )?;
        Ok(statement.query_row([device.to_string()], |row| {
            Ok(Certificates {
                valid: row.get(0)?,
                revoked: row.get(1)?,
            })
        })?)
    }

    /// Revokes a device: none of its certificates counts from now on. Tells how many that
    /// were.
    pub(crate) fn revoke(&self, device: &DeviceId, now: Timestamp) -> Result<usize, RegisterError> {
        self.change(|transaction| {
            if !is_enrolled(transaction, device)? {
                return Err(RegisterError::Refused(format!(
                    "device {device} was never enrolled here: `bailiwick-console device list` \
                     shows those that were"
                )));
            }
            Ok(transaction.execute(
                "UPDATE certificates SET revoked_ms = ?2 WHERE device = ?1 AND revoked_ms IS NULL",
                params![device.to_string(), whole(now)],
            )?)
        })
    }

    /// Withdraws the token whose digest begins with `id`, and names it whole.
    pub(crate) fn withdraw(&self, id: &str, now: Timestamp) -> Result<String, RegisterError> {
        let fits = (8..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !fits {
            return Err(RegisterError::Refused(format!(
                "`{id}` is no id of a token: it takes 8 digits at least, as `device tokens` shows them"
            )));
        }
        self.change(|transaction| {
            let found = {
                let mut statement = transaction
                    .prepare("SELECT token FROM tokens WHERE substr(token, 1, ?2) = ?1 LIMIT 2")?;
                let length = i64::try_from(id.len()).unwrap_or(i64::MAX);
                let found = statement
                    .query_map(params![id.to_ascii_lowercase(), length], |row| {
                        row.get::<_, String>(0)
                    })?;
                found.collect::<Result<Vec<_>, _>>()?
            };
            let [token] = found.as_slice() else {
                return Err(RegisterError::Refused(format!(
                    "{} token begins with `{id}`: `bailiwick-console device tokens` shows them",
                    if found.is_empty() {
                        "no"
                    } else {
                        "more than one"
                    }
                )));
            };
            transaction.execute(
                "UPDATE tokens SET withdrawn_ms = coalesce(withdrawn_ms, ?2) WHERE token = ?1",
                params![token, whole(now)],
            )?;
            Ok(token.clone())
        })
    }

    /// Tokens, the latest first.
    pub(crate) fn tokens(&self) -> Result<Vec<MadeToken>, RegisterError> {
        Ok(rows::tokens(&lock(&self.reader), LISTED)?)
    }

    /// Enrolled devices, by id.
    pub(crate) fn devices(&self) -> Result<Vec<Device>, RegisterError> {
        Ok(rows::devices(&lock(&self.reader), LISTED)?)
    }

    /// One device, if it was enrolled.
    pub(crate) fn device(&self, device: &DeviceId) -> Result<Option<Device>, RegisterError> {
        Ok(rows::device(&lock(&self.reader), device)?)
    }

    /// Devices that have no certificate any more that counts: each was revoked or has expired.
    pub(crate) fn ended(&self, now: Timestamp) -> Result<Vec<DeviceId>, RegisterError> {
        Ok(rows::ended(&lock(&self.reader), now)?)
    }

    /// A number that changes with every commit of another connection, in this program or
    /// another one.
    pub(crate) fn revision(&self) -> Result<i64, RegisterError> {
        Ok(lock(&self.reader).pragma_query_value(None, "data_version", |row| row.get(0))?)
    }

    /// Attempts that were refused, the latest first.
    pub(crate) fn refusals(&self) -> Result<Vec<Turned>, RegisterError> {
        Ok(rows::refusals(&lock(&self.reader), REFUSALS)?)
    }

    /// Notes where `serve` is, for the tokens that `invite` makes.
    pub(crate) fn note_address(&self, address: Option<&str>) -> Result<(), RegisterError> {
        self.change(|transaction| {
            transaction.execute("DELETE FROM addresses", [])?;
            if let Some(address) = address {
                transaction.execute("INSERT INTO addresses (address) VALUES (?1)", [address])?;
            }
            Ok(())
        })
    }

    /// Where `serve` was last, if devices can reach that.
    pub(crate) fn noted_address(&self) -> Result<Option<String>, RegisterError> {
        let reader = lock(&self.reader);
        let noted = reader.query_row("SELECT address FROM addresses", [], |row| row.get(0));
        Ok(noted.optional()?)
    }

    fn change<T>(
        &self,
        change: impl FnOnce(&Transaction<'_>) -> Result<T, RegisterError>,
    ) -> Result<T, RegisterError> {
        let mut writer = lock(&self.writer);
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Dropped without a commit, nothing of it is kept.
        let done = change(&transaction)?;
        transaction.commit()?;
        Ok(done)
    }
}

fn is_enrolled(connection: &Connection, device: &DeviceId) -> rusqlite::Result<bool> {
    let mut statement = connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM certificates WHERE device = ?1)")?;
    statement.query_row([device.to_string()], |row| row.get(0))
}

fn keep(
    transaction: &Transaction<'_>,
    der: &[u8],
    applicant: &Applicant,
    token: Option<&Sha256>,
    now: Timestamp,
) -> Result<(), RegisterError> {
    let read =
        Certificate::from_der(der).map_err(|error| AuthorityError::Failed(error.to_string()))?;
    transaction.execute(
        "INSERT INTO certificates (sha256, device, key, token, issued_ms, expires_ms, der)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            read.sha256().to_string(),
            applicant.device.to_string(),
            applicant.key.to_string(),
            token.map(Sha256::to_string),
            whole(now),
            whole(read.validity().until),
            der,
        ],
    )?;
    Ok(())
}

fn turned_away(
    transaction: &Transaction<'_>,
    token: &Sha256,
    applicant: &Applicant,
    from: IpAddr,
    refusal: &Refusal,
    now: Timestamp,
) -> Result<(), RegisterError> {
    transaction.execute(
        "INSERT INTO refusals (at_ms, token, device, address, reason, alarm)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![
            whole(now),
            token.to_string(),
            applicant.device.to_string(),
            from.to_canonical().to_string(),
            refusal.to_string(),
            refusal.tells_of_theft(),
        ],
    )?;
    transaction.execute(
        "DELETE FROM refusals WHERE id <= ?1 - ?2",
        [transaction.last_insert_rowid(), REFUSALS],
    )?;
    Ok(())
}

/// SQLite's integers are signed; no clock comes near their end.
fn whole(time: Timestamp) -> i64 {
    i64::try_from(time.as_ms()).unwrap_or(i64::MAX)
}

/// A connection is whole between two calls, whoever panicked.
fn lock(connection: &Mutex<Connection>) -> MutexGuard<'_, Connection> {
    connection.lock().unwrap_or_else(PoisonError::into_inner)
}
