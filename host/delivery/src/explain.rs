//! The library's errors in words: which file, which role, what to do.

use bailiwick_core::ports::FetchError;
use sigstore_tuf::Error;

use crate::{RefreshError, relay::Failure};

/// Moments of a refresh that an error's text needs.
pub(crate) struct Occasion {
    /// The file that was asked for last.
    pub(crate) file: String,
    /// What went wrong with it on the way.
    pub(crate) failure: Option<Failure>,
    /// The time that expiries were held against.
    pub(crate) now: jiff::Timestamp,
    /// A note on the clock, or empty.
    pub(crate) clock: String,
    /// Root rotations that are walked at most.
    pub(crate) rotations: u32,
}

/// `error` as ours.
pub(crate) fn refresh_error(error: &Error, occasion: Occasion) -> RefreshError {
    let file = occasion.file;
    let role = role_of(&file);
    match error {
        Error::Transport { message, .. } => match occasion.failure {
            Some(Failure::Fetch(FetchError::TooLarge { at_most, .. })) => RefreshError::Malformed {
                file,
                role,
                reason: format!("it is longer than the {at_most} that are allowed"),
            },
            Some(Failure::Fetch(cause)) => RefreshError::Fetch { file, role, cause },
            Some(Failure::WebPage) => RefreshError::WebPage { file, role },
            Some(Failure::Missing) => RefreshError::Missing { file, role },
            None if message.contains("root rotations") => {
                RefreshError::TooManyRoots(occasion.rotations)
            }
            None => RefreshError::Malformed {
                file,
                role,
                reason: message.clone(),
            },
        },
        Error::ThresholdNotMet {
            role,
            found,
            threshold,
        } => RefreshError::Signatures {
            file,
            role: role.clone(),
            found: *found,
            threshold: *threshold,
        },
        Error::Rollback { role, trusted, new } => RefreshError::Rollback {
            file,
            role: role
                .split(" (")
                .next()
                .unwrap_or(role)
                .trim_end_matches(".json")
                .to_owned(),
            seen: *trusted,
            offered: *new,
        },
        Error::BadRootVersion { trusted, new } => RefreshError::RootOrder {
            file,
            trusted: *trusted,
            offered: *new,
        },
        Error::Expired { role, expires } => RefreshError::Expired {
            role: role.clone(),
            expires: expires.to_string(),
            now: occasion.now.to_string(),
            clock: occasion.clock,
        },
        Error::IntegrityMismatch(reason) => RefreshError::Mixed {
            file,
            role,
            reason: reason.clone(),
        },
        Error::Malformed(reason) if reason.contains("spec_version") => {
            RefreshError::Specification {
                file,
                role,
                reason: reason.clone(),
            }
        }
        other => RefreshError::Malformed {
            file,
            role,
            reason: chain(other),
        },
    }
}

/// The role that signs a metadata file: `3.policies.json` is `policies`.
pub(crate) fn role_of(file: &str) -> String {
    let name = file.strip_suffix(".json").unwrap_or(file);
    match name.split_once('.') {
        Some((number, role)) if number.bytes().all(|b| b.is_ascii_digit()) => role.to_owned(),
        _ => name.to_owned(),
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
