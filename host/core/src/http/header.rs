//! Which headers a plugin may send.

/// Most headers of a request.
pub const MOST_HEADERS: usize = 64;
/// Most bytes of all names and values together.
pub const LONGEST_HEADERS: usize = 16 * 1024;

/// The host's alone. Those of the connection (RFC 9110, section 7.6.1, and what RFC 9112 makes
/// of them) decide where a request ends and for whom it is; the rest are ways to tell a
/// server or a proxy that method, path or host are others than the policy was asked about.
const RESERVED: [&str; 28] = [
    "connection",
    "content-length",
    "expect",
    "forwarded",
    "host",
    "http2-settings",
    "keep-alive",
    "max-forwards",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-forwarded-server",
    "x-host",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-url",
    "x-real-ip",
    "x-rewrite-url",
];

/// Why headers can't be sent. The texts are for the plugin's author.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// More than [`MOST_HEADERS`].
    #[error("there are more than {MOST_HEADERS} headers")]
    TooMany,
    /// More than [`LONGEST_HEADERS`].
    #[error("the headers are longer than {LONGEST_HEADERS} bytes together")]
    TooLong,
    /// No token (RFC 9110, section 5.6.2).
    #[error("the name of header {0} is none: it takes letters, digits and !#$%&'*+-.^_`|~")]
    Name(usize),
    /// The host sends it, or nobody does.
    #[error("the header `{0}` is the host's alone")]
    Reserved(&'static str),
    /// It would end the header, or is not ASCII.
    #[error("the value of header {0} has a character that is no visible ASCII, space or tab")]
    Value(usize),
}

/// Whether a plugin may send these, each a name and a value.
///
/// # Errors
/// Which may not be sent, counted from 1, and why.
pub fn check_headers(headers: &[(String, String)]) -> Result<(), HeaderError> {
    if headers.len() > MOST_HEADERS {
        return Err(HeaderError::TooMany);
    }
    let length = headers.iter().map(|(name, value)| name.len() + value.len());
    if length.sum::<usize>() > LONGEST_HEADERS {
        return Err(HeaderError::TooLong);
    }
    for (index, (name, value)) in headers.iter().enumerate() {
        if name.is_empty() || !name.bytes().all(is_token) {
            return Err(HeaderError::Name(index + 1));
        }
        if let Some(reserved) = RESERVED.iter().find(|own| own.eq_ignore_ascii_case(name)) {
            return Err(HeaderError::Reserved(reserved));
        }
        // Some servers read `_` as `-`: such a name would be a reserved one to them.
        if name.contains('_')
            && let dashed = name.replace('_', "-")
            && let Some(reserved) = RESERVED
                .iter()
                .find(|own| own.eq_ignore_ascii_case(&dashed))
        {
            return Err(HeaderError::Reserved(reserved));
        }
        if !value.bytes().all(|b| matches!(b, b'\t' | b' '..=b'~')) {
            return Err(HeaderError::Value(index + 1));
        }
    }
    Ok(())
}

const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(name: &str, value: &str) -> Result<(), HeaderError> {
        check_headers(&[(name.to_owned(), value.to_owned())])
    }

    #[test]
    fn what_belongs_to_the_connection_is_the_hosts_in_every_spelling() {
        for name in [
            "Host",
            "HOST",
            "host",
            "Transfer-Encoding",
            "transfer_encoding",
            "Content-Length",
            "content_length",
            "Connection",
            "Proxy-Authorization",
            "Upgrade",
            "TE",
            "X-HTTP-Method-Override",
            "X_HTTP_METHOD_OVERRIDE",
            "X-Original-URL",
            "X-Forwarded-Host",
        ] {
            let refused = check(name, "x");
            assert!(matches!(refused, Err(HeaderError::Reserved(_))), "{name}");
        }
        for name in [
            "Authorization",
            "accept",
            "X-Api-Key",
            "my_header",
            "Cookie",
        ] {
            assert_eq!(check(name, "x"), Ok(()), "{name}");
        }
    }

    #[test]
    fn nothing_ends_a_header_or_hides_in_one() {
        for value in ["a\r\nHost: b", "a\nb", "a\rb", "a\0b", "\u{e9}", "\u{7f}"] {
            assert_eq!(check("x", value), Err(HeaderError::Value(1)), "{value:?}");
        }
        for name in ["", "a b", "a:", "a\r\nb", "\u{e9}", " host", "host "] {
            assert_eq!(check(name, "x"), Err(HeaderError::Name(1)), "{name:?}");
        }
        assert_eq!(check("x", "a\tb c"), Ok(()));
        assert_eq!(check("x", ""), Ok(()));
    }

    #[test]
    fn headers_are_bounded() {
        let many = vec![("a".to_owned(), String::new()); MOST_HEADERS + 1];
        assert_eq!(check_headers(&many), Err(HeaderError::TooMany));
        assert_eq!(check_headers(&many[1..]), Ok(()));
        let long = "v".repeat(LONGEST_HEADERS - 1);
        assert_eq!(check("a", &long), Ok(()));
        assert_eq!(check("ab", &long), Err(HeaderError::TooLong));
    }

    proptest! {
        #[test]
        fn what_passes_stays_on_its_line(name in any::<String>(), value in any::<String>()) {
            if check(&name, &value).is_ok() {
                let line = format!("{name}: {value}");
                prop_assert!(!line.contains(['\r', '\n', '\0']));
                prop_assert_eq!(line.split_once(':').unwrap().0, name);
            }
        }
    }
}
