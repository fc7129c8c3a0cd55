//! An address that is asked, read more strictly than RFC 3986 so that it means one thing to
//! everybody: what a server could read otherwise than the policy's matcher is refused.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

/// Longest address, in bytes.
pub const LONGEST_URL: usize = 8 * 1024;

/// How a server is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// In plain text: whoever is on the way reads it, and answers if they like.
    Http,
    /// Over TLS.
    Https,
}

impl Scheme {
    const fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// Scheme, host and port (RFC 6454). Its text has no port where the scheme's own is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    scheme: Scheme,
    /// In small letters; an IPv6 address without brackets.
    host: String,
    port: u16,
}

impl Origin {
    /// How the server is spoken to.
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// A name in small letters, or an address, without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Never 0.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The host, if it is an address and no name.
    pub fn ip(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }

    /// What the header Host says (RFC 9110, section 7.2).
    pub fn authority(&self) -> String {
        let host = match self.host.contains(':') {
            true => format!("[{}]", self.host),
            false => self.host.clone(),
        };
        match self.port == self.scheme.port() {
            true => host,
            false => format!("{host}:{}", self.port),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.scheme {
            Scheme::Http => "http",
            Scheme::Https => "https",
        };
        write!(f, "{scheme}://{}", self.authority())
    }
}

/// An address that is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    origin: Origin,
    /// As it is sent, from its slash on, with the query.
    asked: String,
    /// What the path says: decoded, and each part without what follows a `;`.
    path: String,
}

impl Target {
    /// Where the server is.
    pub const fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Path and query as they are sent, from the slash on.
    pub fn asked(&self) -> &str {
        &self.asked
    }

    /// For logs: without the query, and without parts of the path that are long enough to be
    /// a secret. It is not for being asked.
    #[must_use]
    pub fn in_outline(&self) -> Self {
        /// 20 characters of base64 are 120 bits.
        const SECRET: usize = 20;
        let path = self.asked.split('?').next().unwrap_or_default();
        let parts = path.split('/');
        let parts: Vec<&str> = parts
            .map(|part| {
                if part.len() < SECRET {
                    part
                } else {
                    "<secret>"
                }
            })
            .collect();
        Self {
            asked: parts.join("/"),
            ..self.clone()
        }
    }

    /// The path as policies name it: decoded, without query and parameters.
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.origin, self.asked)
    }
}

/// Paths that begin alike, in whole parts: `/v1` is `/v1` and all beneath it, and not `/v10`;
/// `/v1/` is what is beneath it; `/` is every path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPrefix(String);

impl PathPrefix {
    /// Whether `path`, decoded, begins so.
    pub fn covers(&self, path: &str) -> bool {
        covers(self.0.as_bytes(), path.as_bytes(), <[u8]>::eq)
    }

    /// The same for denials: many servers don't tell capital letters from small ones.
    pub fn covers_in_any_case(&self, path: &str) -> bool {
        covers(
            self.0.as_bytes(),
            path.as_bytes(),
            <[u8]>::eq_ignore_ascii_case,
        )
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn covers(prefix: &[u8], path: &[u8], same: fn(&[u8], &[u8]) -> bool) -> bool {
    let Some((begin, rest)) = path.split_at_checked(prefix.len()) else {
        return false;
    };
    same(begin, prefix) && (prefix.ends_with(b"/") || matches!(rest, [] | [b'/', ..]))
}

impl fmt::Display for PathPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text is no address that can be asked. The texts are for authors of plugins and
/// policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UrlError {
    /// Longer than [`LONGEST_URL`].
    #[error("it is longer than {LONGEST_URL} bytes")]
    TooLong,
    /// A character that no address has.
    #[error("it has a character that must be percent-encoded, or has a `%` without two digits")]
    Character,
    /// No scheme that is spoken here.
    #[error("it begins neither with `https://` nor with `http://`")]
    Scheme,
    /// The host is no name and no address, or is one in a form that is read differently.
    #[error(
        "its host is none: it takes a name of letters, digits, `-` and `_`, or an address in its \
         usual form"
    )]
    Host,
    /// Credentials in an address reach logs.
    #[error("it has a user or a password: send a header `Authorization`")]
    Credentials,
    /// The port.
    #[error("its port is no number from 1 to 65535")]
    Port,
    /// What servers read differently.
    #[error(
        "its path has an empty, `.` or `..` part, a `\\`, or an encoded `/`, `%`, control \
         character or half a character"
    )]
    Path,
    /// What no server is sent.
    #[error("it has a fragment (`#`), which no server is sent")]
    Fragment,
}

impl FromStr for Target {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        if text.len() > LONGEST_URL {
            return Err(UrlError::TooLong);
        }
        let (scheme, rest) = scheme(text)?;
        if rest.contains('#') {
            return Err(UrlError::Fragment);
        }
        let at = rest.find(['/', '?', '\\']).unwrap_or(rest.len());
        let (authority, asked) = rest.split_at(at);
        let origin = origin(scheme, authority)?;
        let asked = match asked.starts_with('/') {
            true => asked.to_owned(),
            false => format!("/{asked}"),
        };
        let (path, query) = asked.split_once('?').unwrap_or((&asked, ""));
        if path.contains('\\') {
            return Err(UrlError::Path);
        }
        if !encoded(path, is_path) || !encoded(query, |b| is_path(b) || b == b'?') {
            return Err(UrlError::Character);
        }
        let path = meant(path)?;
        Ok(Self {
            origin,
            path,
            asked,
        })
    }
}

impl FromStr for Origin {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        let (scheme, rest) = scheme(text)?;
        origin(scheme, rest)
    }
}

impl FromStr for PathPrefix {
    type Err = UrlError;

    /// As people read it: decoded.
    fn from_str(text: &str) -> Result<Self, UrlError> {
        let fits = text.starts_with('/')
            && text.len() <= LONGEST_URL
            && !text
                .chars()
                .any(|c| c.is_control() || matches!(c, '%' | '?' | '#' | ';' | '\\' | '*'))
            && has_plain_parts(text);
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(UrlError::Path)
        }
    }
}

fn scheme(text: &str) -> Result<(Scheme, &str), UrlError> {
    let (scheme, rest) = text.split_once("://").ok_or(UrlError::Scheme)?;
    match scheme {
        "https" => Ok((Scheme::Https, rest)),
        "http" => Ok((Scheme::Http, rest)),
        _ => Err(UrlError::Scheme),
    }
}

fn origin(scheme: Scheme, authority: &str) -> Result<Origin, UrlError> {
    if authority.contains('@') {
        return Err(UrlError::Credentials);
    }
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']').ok_or(UrlError::Host)?;
            let address: Ipv6Addr = address.parse().map_err(|_| UrlError::Host)?;
            let port = match port.is_empty() {
                true => None,
                false => Some(port.strip_prefix(':').ok_or(UrlError::Port)?),
            };
            (address.to_string(), port)
        }
        None => {
            let (host, port) = match authority.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (authority, None),
            };
            (name(host)?, port)
        }
    };
    Ok(Origin {
        scheme,
        host,
        port: match port {
            Some(port) => number(port)?,
            None => scheme.port(),
        },
    })
}

fn number(port: &str) -> Result<u16, UrlError> {
    let digits = (1..=5).contains(&port.len()) && port.bytes().all(|b| b.is_ascii_digit());
    let port = port.parse().ok().filter(|port| digits && *port != 0);
    port.ok_or(UrlError::Port)
}

/// A name in small letters, or an IPv4 address in the form of four numbers. What only looks
/// like an address (`127.1`, `0x7f000001`, `2130706433`) is read as one by some, and refused.
fn name(host: &str) -> Result<String, UrlError> {
    let fits = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    if host.len() > 253 || !host.split('.').all(fits) {
        return Err(UrlError::Host);
    }
    let host = host.to_ascii_lowercase();
    let last = host.rsplit('.').next().unwrap_or_default();
    let is_number = last.bytes().all(|b| b.is_ascii_digit())
        || last
            .strip_prefix("0x")
            .is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_hexdigit()));
    if is_number && host.parse::<Ipv4Addr>().is_err() {
        return Err(UrlError::Host);
    }
    Ok(host)
}

/// Whether `text` has only `allowed` characters and whole percent-encodings.
fn encoded(text: &str, allowed: impl Fn(u8) -> bool) -> bool {
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let fits = match byte {
            b'%' => [bytes.next(), bytes.next()]
                .iter()
                .all(|digit| digit.is_some_and(|digit| digit.is_ascii_hexdigit())),
            other => allowed(other),
        };
        if !fits {
            return false;
        }
    }
    true
}

/// `pchar` of RFC 3986, section 3.3, and the slash; the percent sign is judged apart.
const fn is_path(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'-' | b'.'
                | b'_'
                | b'~'
                | b'!'
                | b'$'
                | b'&'
                | b'\''
                | b'('
                | b')'
                | b'*'
                | b'+'
                | b','
                | b';'
                | b'='
                | b':'
                | b'@'
                | b'/'
        )
}

/// The path decoded, each part without its parameters, if nobody can read it otherwise.
fn meant(path: &str) -> Result<String, UrlError> {
    let mut decoded = Vec::with_capacity(path.len());
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| byte.and_then(|b| char::from(b).to_digit(16));
        let (high, low) = (digit(bytes.next()), digit(bytes.next()));
        let byte = high.zip(low).map(|(high, low)| high * 16 + low);
        match byte.and_then(|byte| u8::try_from(byte).ok()) {
            // Another part, another encoding, or an end to those who read on.
            None | Some(b'/' | b'\\' | b'%' | 0..=0x1f | 0x7f) => return Err(UrlError::Path),
            Some(byte) => decoded.push(byte),
        }
    }
    // Some decoders take `%c0%ae` for a dot.
    let decoded = String::from_utf8(decoded).map_err(|_| UrlError::Path)?;
    let parts: Vec<&str> = decoded
        .split('/')
        .map(|part| part.split(';').next().unwrap_or_default())
        .collect();
    let path = parts.join("/");
    if has_plain_parts(&path) {
        Ok(path)
    } else {
        Err(UrlError::Path)
    }
}

/// Whether no part is empty (but the last), `.` or `..`.
fn has_plain_parts(path: &str) -> bool {
    let mut parts = path.split('/').skip(1).peekable();
    while let Some(part) = parts.next() {
        let is_last = parts.peek().is_none();
        if matches!(part, "." | "..") || (part.is_empty() && !is_last) {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests;
