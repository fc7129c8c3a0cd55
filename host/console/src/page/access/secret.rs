//! Random secrets, and what is kept of them.

use bailiwick_core::digest::Sha256;

/// 256 random bits, which only their holder keeps.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

/// What is kept of a secret: it recognises the secret and does not reveal it. Secrets are
/// compared by these, so how long a comparison takes tells nothing of a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Fingerprint(Sha256);

/// The operating system gives no random numbers.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gives no random numbers: {0}")]
pub(crate) struct NoRandom(getrandom::Error);

impl Secret {
    /// A new one.
    pub(crate) fn random() -> Result<Self, NoRandom> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(NoRandom)?;
        Ok(Self(Sha256::from_bytes(bytes).to_string()))
    }

    /// One that someone claims to hold: 64 lower-case hexadecimal digits.
    pub(crate) fn claimed(text: &str) -> Option<Self> {
        let fits = text.len() == 64
            && text
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        fits.then(|| Self(text.to_owned()))
    }

    /// For its holder.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }

    /// What is kept of it.
    pub(crate) fn fingerprint(&self) -> Fingerprint {
        self.derived("bailiwick page secret\n")
    }

    /// The token that a form of this session carries. It is derived, so that it needs to
    /// be kept nowhere, and does not reveal the session's secret.
    pub(crate) fn form_token(&self) -> Self {
        Self(self.derived("bailiwick page form\n").to_string())
    }

    fn derived(&self, purpose: &str) -> Fingerprint {
        Fingerprint(Sha256::of(format!("{purpose}{}", self.0).as_bytes()))
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

impl std::fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_recognised_and_not_told() {
        let secret = Secret::random().unwrap();
        let claimed = Secret::claimed(secret.reveal()).unwrap();
        assert_eq!(claimed.fingerprint(), secret.fingerprint());
        let other = Secret::random().unwrap();
        assert_ne!(other.fingerprint(), secret.fingerprint());
        assert_ne!(other.form_token(), secret.form_token());
        assert_eq!(format!("{secret:?}"), "Secret");
        assert!(!secret.fingerprint().to_string().contains(secret.reveal()));
        assert!(!secret.form_token().reveal().contains(secret.reveal()));
    }

    #[test]
    fn only_64_lower_case_digits_can_be_one() {
        for wrong in ["", "0", &"0".repeat(63), &"A".repeat(64), &"../".repeat(22)] {
            assert_eq!(Secret::claimed(wrong), None, "{wrong}");
        }
    }
}
