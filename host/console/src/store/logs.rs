//! Heads of devices' logs, each held against the one before.
//!
//! What a device says of its log with one batch of events it can't unsay with the next: the
//! batch proves that the log goes on from what was known. Where it does not, that is an event
//! of the console's own, `log-parted`, and what is told now is what is known from then on.

use bailiwick_core::{
    chain::{Followed, Head, Parted, Proof},
    ids::DeviceId,
};
use rusqlite::{OptionalExtension as _, Transaction, params};
use serde_json::json;

/// Beside [`super::schema`]'s.
pub(super) const TABLES: &str = "
CREATE TABLE device_logs (
    device TEXT NOT NULL PRIMARY KEY,
    head TEXT NOT NULL,
    received_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
";

/// Name of the event that tells of a log which does not go on.
pub(super) const PARTED: &str = "log-parted";

/// What is told where a log does not go on.
pub(super) struct Told {
    pub(super) words: String,
    /// JSON, as of any event.
    pub(super) body: String,
}

/// Holds what is told of the log of `device` against what is known, and keeps it.
pub(super) fn follow(
    transaction: &Transaction<'_>,
    device: DeviceId,
    proof: &Proof,
    received_ms: i64,
) -> rusqlite::Result<Option<Told>> {
    // It was read before that it leads somewhere.
    let Ok(head) = proof.head() else {
        return Ok(None);
    };
    let known = known(transaction, device)?;
    let followed = known.map(|known| (known, proof.follows(&known)));
    if let Some((_, Ok(Followed::Known))) = followed {
        return Ok(None);
    }
    transaction
        .prepare_cached(
            "INSERT OR REPLACE INTO device_logs (device, head, received_ms) VALUES (?1, ?2, ?3)",
        )?
        .execute(params![device.to_string(), head.to_string(), received_ms])?;
    Ok(match followed {
        Some((known, Err(parted))) => Some(told(&known, &head, &parted)),
        Some((_, Ok(_))) | None => None,
    })
}

fn known(transaction: &Transaction<'_>, device: DeviceId) -> rusqlite::Result<Option<Head>> {
    let text: Option<String> = transaction
        .prepare_cached("SELECT head FROM device_logs WHERE device = ?1")?
        .query_row([device.to_string()], |row| row.get(0))
        .optional()?;
    Ok(text.and_then(|text| text.parse().ok()))
}

fn told(known: &Head, head: &Head, parted: &Parted) -> Told {
    let advice = match parted {
        Parted::Gap { .. } => {
            "A device that was long without this console, or a console whose database is an \
             older copy, looks so"
        }
        _ => {
            "Unless somebody set the device up anew, somebody with the rights of root changed its \
             log: keep a copy of its data folder, and ask there"
        }
    };
    let words = format!("{parted}. {advice}: bailiwick log verify --head {known}");
    let body = json!({
        "event": PARTED,
        "known": known.to_string(),
        "told": head.to_string(),
        "reason": parted.to_string(),
    });
    Told {
        words,
        body: body.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use bailiwick_core::digest::Sha256;
    use rusqlite::Connection;

    use super::*;

    fn proof(after: Option<Head>, lines: &[&str]) -> Proof {
        Proof {
            after,
            entries: lines
                .iter()
                .map(|line| Sha256::of(line.as_bytes()))
                .collect(),
        }
    }

    #[test]
    fn a_log_that_does_not_go_on_is_told_once() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(TABLES).unwrap();
        let transaction = connection.transaction().unwrap();
        let device = DeviceId::from_bytes([7; 16]);
        let told = |proof: &Proof| {
            let told = follow(&transaction, device, proof, 5).unwrap();
            told.map(|told| told.words)
        };
        let first = proof(None, &["a", "b"]);
        assert_eq!(told(&first), None);
        assert_eq!(told(&first), None, "the same again");
        let head = first.head().unwrap();
        let second = proof(Some(head), &["c"]);
        assert_eq!(told(&second), None);

        // Somebody wrote it anew from its second entry on.
        let anew = proof(None, &["a", "x"]).head().unwrap();
        let words = told(&proof(Some(anew), &["c", "d"])).unwrap();
        assert!(words.starts_with("entry 2 of the log is not"), "{words}");
        let known = second.head().unwrap();
        assert!(words.ends_with(&format!("--head {known}")), "{words}");
        let after = proof(Some(anew), &["c", "d"]).head().unwrap();
        assert_eq!(told(&proof(Some(after), &["e"])), None, "told once");
        // And somebody set the device up anew.
        let words = told(&proof(None, &["z"])).unwrap();
        assert!(words.contains("it was cut"), "{words}");
        assert!(
            told(&proof(Some(after), &["e"]))
                .unwrap()
                .contains("were not told")
        );
    }
}
