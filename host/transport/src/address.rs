//! Addresses that the settings name, and paths beneath them.

use std::{fmt, str::FromStr};

use reqwest::Url;

/// Longest path beneath an address, in bytes: above every name that TUF and the shared
/// formats form, and below what any server or proxy refuses.
const LONGEST_PATH: usize = 512;

/// The `https` address of an update endpoint or of an orchestration layer. It ends in
/// `/`, so that a path can be appended, and holds no user, password, query or fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address(Url);

impl Address {
    /// The address of `path` beneath this one; `None` if [`is_path`] refuses it.
    pub(crate) fn join(&self, path: &str) -> Option<Url> {
        is_path(path).then(|| self.append(path))
    }

    /// The address of a path that this crate wrote.
    pub(crate) fn append(&self, path: &str) -> Url {
        let mut url = self.0.clone();
        url.set_path(&format!("{}{path}", self.0.path()));
        url
    }

    /// The address as text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

/// Text that is not an address this crate connects to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` can't be used as an address: {reason}; write it as `https://host:port/path/`")]
pub struct AddressError {
    text: String,
    reason: &'static str,
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let error = |reason| AddressError {
            text: text.chars().take(200).collect(),
            reason,
        };
        let mut url = Url::parse(text).map_err(|_| error("it is not a full address"))?;
        if url.scheme() != "https" {
            return Err(error("only https is accepted"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            // A password in an address would reach logs and error texts.
            return Err(AddressError {
                text: "https://…".to_owned(),
                reason: "it holds a user or a password",
            });
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(error("it holds a query or a fragment"));
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err(error("it names no host"));
        }
        if !url.path().ends_with('/') {
            let path = format!("{}/", url.path());
            url.set_path(&path);
        }
        Ok(Self(url))
    }
}

/// Whether `path` can stand beneath an address as it is: segments of `A-Z a-z 0-9 . _ + -`
/// separated by single `/`, none beginning with a dot, at most 512 bytes. So it holds no
/// `..`, no `%`, no `?`, no scheme and nothing that a server could read in two ways.
pub fn is_path(path: &str) -> bool {
    path.len() <= LONGEST_PATH
        && path.split('/').all(|segment| {
            !segment.is_empty()
                && !segment.starts_with('.')
                && segment
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'+' | b'-'))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_https_and_nothing_else() {
        for bad in [
            "",
            "example.com",
            "http://example.com/",
            "http://127.0.0.1/",
            "ftp://example.com/",
            "https://user@example.com/",
            "https://user:secret@example.com/",
            "https://example.com/?a=b",
            "https://example.com/#a",
            "https://",
            "file:///etc/passwd",
        ] {
            assert!(bad.parse::<Address>().is_err(), "{bad}");
        }
        let address: Address = "https://example.com:8443/updates".parse().unwrap();
        assert_eq!(address.as_str(), "https://example.com:8443/updates/");
    }

    #[test]
    fn a_password_does_not_reach_the_error_text() {
        let error = "https://user:secret@example.com/"
            .parse::<Address>()
            .unwrap_err();
        assert!(!error.to_string().contains("secret"));
    }

    #[test]
    fn a_path_stays_beneath_its_address() {
        let address: Address = "https://example.com/updates".parse().unwrap();
        for bad in [
            "",
            "/",
            "/root.json",
            "root.json/",
            "a//b",
            "..",
            "../secret",
            "a/../b",
            "a/./b",
            ".hidden",
            "%2e%2e/secret",
            "a%2fb",
            "a?b",
            "a#b",
            "a\\b",
            "a b",
            "a:b",
            "https://elsewhere.example/x",
            "//elsewhere.example/x",
            "ä.json",
            "a\0b",
            &"a".repeat(513),
        ] {
            assert_eq!(address.join(bad), None, "{bad}");
        }
        for good in [
            "timestamp.json",
            "1.root.json",
            "vendor/acme/inventory/0ab1.0.1.0+build-2.wasm",
        ] {
            assert_eq!(
                address.join(good).unwrap().as_str(),
                format!("https://example.com/updates/{good}")
            );
        }
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_accepted_comes_out_unchanged(path in "[ -~]{0,40}") {
            let address: Address = "https://example.com/updates/".parse().unwrap();
            if let Some(url) = address.join(&path) {
                proptest::prop_assert_eq!(
                    url.as_str(),
                    format!("https://example.com/updates/{path}")
                );
            }
        }
    }
}
