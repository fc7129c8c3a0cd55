//! The token that a console prints and a device is enrolled with.
//!
//! `bailiwick1.` and base64url (RFC 4648, section 5, without padding) of: the secret, the
//! digest of the authority, the digest of the first root metadata (32 bytes each); the group
//! (a length byte, zero for none, and its name); a count byte, and each address (a length
//! byte and its text); and the first 4 bytes of the SHA-256 of all of it, so that a token
//! that was copied in part is told from one that is refused.

use std::{fmt, str::FromStr};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};

use super::Secret;
use crate::{digest::Sha256, ids::GroupName, settings::is_https_address};

/// What every token begins with; the number is that of the form.
const PREFIX: &str = "bailiwick1.";
/// Longest text of a token that is looked at, in bytes.
const LONGEST: usize = 2 * 1024;
/// Addresses in one token.
pub const MOST_ADDRESSES: usize = 4;
/// Longest address, in bytes.
const LONGEST_ADDRESS: usize = 200;
/// Bytes of the digest at the end.
const CHECK: usize = 4;

/// All that a device needs to trust a console, and to be trusted once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Where the console is: `https://` addresses, one at least, tried in this order.
    addresses: Vec<String>,
    /// What it is worth; it works once.
    pub secret: Secret,
    /// Digest, in DER form, of the authority that signs the console's certificate. The
    /// device trusts this one alone while it is enrolled.
    pub authority: Sha256,
    /// Digest of the repository's first root metadata.
    pub root: Sha256,
    /// The group that the device joins.
    pub group: Option<GroupName>,
}

/// Why a text is no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// It does not begin like one.
    #[error(
        "this is no enrolment token: one begins with `{PREFIX}`, as `bailiwick-console device \
         invite` prints it"
    )]
    Prefix,
    /// Characters are missing, or are others than were printed.
    #[error("the token is damaged: copy it anew, whole and without spaces or line breaks")]
    Damaged,
    /// It is whole, and says what no token says.
    #[error("the token was made by another version of bailiwick-console: {0}")]
    Content(&'static str),
}

impl Token {
    /// A token for a console at `addresses`.
    ///
    /// # Errors
    /// No address, more than [`MOST_ADDRESSES`], or one that is none.
    pub fn new(
        addresses: Vec<String>,
        secret: Secret,
        authority: Sha256,
        root: Sha256,
        group: Option<GroupName>,
    ) -> Result<Self, TokenError> {
        if !(1..=MOST_ADDRESSES).contains(&addresses.len()) {
            return Err(TokenError::Content("it takes 1 to 4 addresses"));
        }
        let fits = |text: &String| text.len() <= LONGEST_ADDRESS && is_https_address(text);
        if !addresses.iter().all(fits) {
            return Err(TokenError::Content(
                "an address is not https:// or has more than 200 bytes",
            ));
        }
        Ok(Self {
            addresses,
            secret,
            authority,
            root,
            group,
        })
    }

    /// Where the console is; never empty.
    pub fn addresses(&self) -> &[String] {
        &self.addresses
    }

    fn body(&self) -> Vec<u8> {
        let mut body = Vec::new();
        body.extend_from_slice(self.secret.as_bytes());
        body.extend_from_slice(self.authority.as_bytes());
        body.extend_from_slice(self.root.as_bytes());
        push(&mut body, self.group.as_ref().map_or("", GroupName::as_str));
        body.push(u8::try_from(self.addresses.len()).unwrap_or(u8::MAX));
        for address in &self.addresses {
            push(&mut body, address);
        }
        body
    }
}

/// Text behind its length, which is bounded by what it is: names of groups by 63 bytes,
/// addresses by 200.
fn push(body: &mut Vec<u8>, text: &str) {
    body.push(u8::try_from(text.len()).unwrap_or(u8::MAX));
    body.extend_from_slice(text.as_bytes());
}

/// The token whole, with its secret: for the person who asked for it.
impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = self.body();
        let check = Sha256::of(&bytes);
        bytes.extend_from_slice(&check.as_bytes()[..CHECK]);
        write!(f, "{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl FromStr for Token {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Self, TokenError> {
        let encoded = text.strip_prefix(PREFIX).ok_or(TokenError::Prefix)?;
        if encoded.len() > LONGEST {
            return Err(TokenError::Damaged);
        }
        let bytes = BASE64_URL_SAFE_NO_PAD
            .decode(encoded)
            .map_err(|_| TokenError::Damaged)?;
        let (body, check) = bytes
            .split_last_chunk::<CHECK>()
            .ok_or(TokenError::Damaged)?;
        if Sha256::of(body).as_bytes()[..CHECK] != check[..] {
            return Err(TokenError::Damaged);
        }
        read(body)
    }
}

fn read(body: &[u8]) -> Result<Token, TokenError> {
    let mut rest = Rest(body);
    let secret = Secret::from_bytes(rest.array()?);
    let authority = Sha256::from_bytes(rest.array()?);
    let root = Sha256::from_bytes(rest.array()?);
    let group = match rest.text()? {
        "" => None,
        name => Some(
            name.parse()
                .map_err(|_| TokenError::Content("its group has no name of a group"))?,
        ),
    };
    let count = rest.byte()?;
    let addresses = (0..count)
        .map(|_| rest.text().map(str::to_owned))
        .collect::<Result<Vec<_>, _>>()?;
    if !rest.0.is_empty() {
        return Err(TokenError::Content("it goes on where it should end"));
    }
    Token::new(addresses, secret, authority, root, group)
}

/// What was not read yet.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    const SHORT: TokenError = TokenError::Content("it ends too early");

    fn take(&mut self, length: usize) -> Result<&'a [u8], TokenError> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Self::SHORT)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array(&mut self) -> Result<[u8; 32], TokenError> {
        self.take(32)?.try_into().map_err(|_| Self::SHORT)
    }

    fn byte(&mut self) -> Result<u8, TokenError> {
        Ok(self.take(1)?[0])
    }

    fn text(&mut self) -> Result<&'a str, TokenError> {
        let length = self.byte()?;
        let bytes = self.take(length.into())?;
        std::str::from_utf8(bytes).map_err(|_| TokenError::Content("it holds what is no text"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn token(addresses: &[&str], group: Option<&str>) -> Token {
        Token::new(
            addresses.iter().map(|text| (*text).to_owned()).collect(),
            Secret::from_bytes([1; 32]),
            Sha256::from_bytes([2; 32]),
            Sha256::from_bytes([3; 32]),
            group.map(|name| name.parse().unwrap()),
        )
        .unwrap()
    }

    /// A body with a right check, whatever it says.
    fn sealed(body: &[u8]) -> String {
        let mut bytes = body.to_vec();
        bytes.extend_from_slice(&Sha256::of(body).as_bytes()[..CHECK]);
        format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(bytes))
    }

    #[test]
    fn a_token_reads_what_it_writes() {
        let long = format!("https://{}.example/", "a".repeat(180));
        for token in [
            token(&["https://127.0.0.1:8443/"], None),
            token(
                &["https://a.example/", "https://b.example/base/"],
                Some("pilot"),
            ),
            token(&[long.as_str(); MOST_ADDRESSES], Some(&"g".repeat(63))),
        ] {
            let text = token.to_string();
            assert!(text.len() <= LONGEST, "{}", text.len());
            assert_eq!(text.parse(), Ok(token));
        }
    }

    #[test]
    fn any_character_that_is_lost_or_changed_is_noticed() {
        let text = token(&["https://127.0.0.1:8443/"], Some("pilot")).to_string();
        for at in 0..text.len() {
            let mut lost = text.clone();
            lost.remove(at);
            assert!(lost.parse::<Token>().is_err(), "{lost}");
            let mut other = text.clone().into_bytes();
            other[at] = if other[at] == b'A' { b'B' } else { b'A' };
            let other = String::from_utf8(other).unwrap();
            assert!(other.parse::<Token>().is_err(), "{other}");
        }
        for text in [
            "",
            "bailiwick1.",
            "bailiwick2.AAAA",
            " ",
            "https://a.example/",
        ] {
            assert!(text.parse::<Token>().is_err(), "{text}");
        }
        let endless = format!("{PREFIX}{}", "A".repeat(LONGEST + 1));
        assert_eq!(endless.parse::<Token>(), Err(TokenError::Damaged));
    }

    #[test]
    fn what_no_token_says_is_refused_although_its_check_is_right() {
        let good = token(&["https://a.example/"], Some("pilot")).body();
        assert!(sealed(&good).parse::<Token>().is_ok());
        let with = |at: usize, byte: u8| {
            let mut body = good.clone();
            body[at] = byte;
            sealed(&body)
        };
        let address = 96 + 1 + "pilot".len() + 1;
        for (text, why) in [
            (with(97, b'-'), "a group that begins with a dash"),
            (with(97, 0xff), "a group that is no text"),
            (with(address - 1, 0), "no address"),
            (with(address - 1, 200), "more addresses than there are"),
            (with(address, 255), "an address that goes on past the end"),
            (with(address + 1, b'f'), "an address that is not https"),
            (
                sealed(&[good.as_slice(), b"x"].concat()),
                "something after the end",
            ),
            (sealed(&good[..40]), "half a token"),
        ] {
            let read = text.parse::<Token>();
            assert!(
                matches!(read, Err(TokenError::Content(_))),
                "{why}: {read:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".{0,300}") {
            let _ = text.parse::<Token>();
            let _ = format!("{PREFIX}{text}").parse::<Token>();
        }

        #[test]
        fn no_bytes_under_a_right_check_make_it_panic(
            body in prop::collection::vec(any::<u8>(), 0..400)
        ) {
            // What is read is what would be written: there is one text for one token.
            if let Ok(token) = sealed(&body).parse::<Token>() {
                prop_assert_eq!(token.body(), body);
            }
        }
    }
}
