//! The head of an answer (RFC 9112, sections 4 to 6), and its body by what the head says.

use bailiwick_core::{
    bytes::ByteCount,
    http::Method,
    ports::{HttpAnswer, HttpError},
};

use super::body::{Framing, Incoming};
use crate::connector::Stream;

/// Longest head, in bytes.
const LONGEST_HEAD: usize = 32 * 1024;
/// Most headers.
const MOST_HEADERS: usize = 128;
/// Most answers that only say that another one follows.
const MOST_INTERIM: usize = 8;

/// Headers that were of the connection and are not true of what the plugin gets.
const OF_THE_CONNECTION: [&str; 5] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "transfer-encoding",
    "upgrade",
];

/// Reads one answer to `method`, with a body of at most `at_most`.
pub(super) async fn read(
    stream: &mut dyn Stream,
    method: Method,
    at_most: ByteCount,
) -> Result<HttpAnswer, HttpError> {
    let mut incoming = Incoming::new(stream);
    for _ in 0..=MOST_INTERIM {
        let head = incoming.head(LONGEST_HEAD).await?;
        let head = Head::parse(&head)?;
        match head.status {
            101 => return Err(HttpError::NotHttp("it changed to another protocol")),
            100..200 => {}
            status => {
                let framing = head.framing(method)?;
                let body = incoming.body(framing, at_most).await?;
                let kept =
                    |(name, _): &(String, String)| !OF_THE_CONNECTION.contains(&name.as_str());
                return Ok(HttpAnswer {
                    status,
                    headers: head.headers.into_iter().filter(kept).collect(),
                    body,
                });
            }
        }
    }
    Err(HttpError::NotHttp("it promised an answer again and again"))
}

struct Head {
    status: u16,
    /// Whether it is of HTTP/1.0.
    is_old: bool,
    headers: Vec<(String, String)>,
}

impl Head {
    fn parse(bytes: &[u8]) -> Result<Self, HttpError> {
        let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
        let mut head = httparse::Response::new(&mut headers);
        match head.parse(bytes) {
            Ok(httparse::Status::Complete(_)) => {}
            Err(httparse::Error::TooManyHeaders) => {
                return Err(HttpError::NotHttp("it has more than 128 headers"));
            }
            Ok(httparse::Status::Partial) | Err(_) => {
                return Err(HttpError::NotHttp("its head can't be read"));
            }
        }
        let latin = |bytes: &[u8]| bytes.iter().copied().map(char::from).collect();
        let status = head.code.filter(|code| (100..1_000).contains(code));
        Ok(Self {
            status: status.ok_or(HttpError::NotHttp("it has no status"))?,
            is_old: head.version == Some(0),
            headers: head
                .headers
                .iter()
                .map(|header| (header.name.to_ascii_lowercase(), latin(header.value)))
                .collect(),
        })
    }

    fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let named = self.headers.iter().filter(move |(own, _)| own == name);
        named.map(|(_, value)| value.trim())
    }

    /// How the body ends (RFC 9112, section 6.3). What two readers could end at different
    /// places is refused.
    fn framing(&self, method: Method) -> Result<Framing, HttpError> {
        let mut codings = self.all("transfer-encoding");
        let mut lengths = self.all("content-length");
        let (coding, length) = (codings.next(), lengths.next());
        if codings.next().is_some() || lengths.next().is_some() {
            return Err(HttpError::NotHttp("it says twice how long it is"));
        }
        if method == Method::Head || matches!(self.status, 204 | 304) {
            return Ok(Framing::Nothing);
        }
        match (coding, length) {
            (Some(_), Some(_)) => Err(HttpError::NotHttp("it says in two ways how long it is")),
            (Some(coding), None) if coding.eq_ignore_ascii_case("chunked") && !self.is_old => {
                Ok(Framing::Chunked)
            }
            (Some(_), None) => Err(HttpError::NotHttp("its transfer coding is not known")),
            (None, Some(length)) => {
                let digits = !length.is_empty() && length.bytes().all(|b| b.is_ascii_digit());
                let length = length.parse().ok().filter(|_| digits);
                let length = length.ok_or(HttpError::NotHttp("its length is no number"))?;
                Ok(Framing::Length(length))
            }
            (None, None) => Ok(Framing::UntilEnd),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn framing(headers: &str) -> Result<Framing, HttpError> {
        Head::parse(format!("HTTP/1.1 200 OK\r\n{headers}\r\n").as_bytes())?.framing(Method::Get)
    }

    #[test]
    fn an_answer_ends_at_one_place() {
        assert_eq!(framing(""), Ok(Framing::UntilEnd));
        assert_eq!(framing("Content-Length: 5\r\n"), Ok(Framing::Length(5)));
        assert_eq!(
            framing("Transfer-Encoding: Chunked\r\n"),
            Ok(Framing::Chunked)
        );
        for bad in [
            "Content-Length: 5\r\nContent-Length: 6\r\n",
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
            "Transfer-Encoding: gzip, chunked\r\n",
            "Transfer-Encoding: xchunked\r\n",
            "Content-Length: +5\r\n",
            "Content-Length: 5, 5\r\n",
            "Content-Length: -1\r\n",
            "Content-Length:\r\n",
            "Content-Length: 99999999999999999999\r\n",
            "a: b\r\n c: d\r\n",
            "a b: c\r\n",
        ] {
            assert!(
                matches!(framing(bad), Err(HttpError::NotHttp(_))),
                "{bad:?}"
            );
        }
        let no_body = Head::parse(b"HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n").unwrap();
        assert_eq!(no_body.framing(Method::Get), Ok(Framing::Nothing));
        let head = Head::parse(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n").unwrap();
        assert_eq!(head.framing(Method::Head), Ok(Framing::Nothing));
        let old = Head::parse(b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").unwrap();
        assert!(old.framing(Method::Get).is_err());
    }

    proptest! {
        #[test]
        fn no_head_makes_it_panic(head: Vec<u8>, text in "HTTP/1\\.[01] [0-9]{3} [ -~]{0,9}\r\n([a-zA-Z-]{1,17}: ?[ -~]{0,9}\r\n){0,4}\r\n") {
            let _ = Head::parse(&head);
            if let Ok(head) = Head::parse(text.as_bytes()) {
                let _ = head.framing(Method::Get);
            }
        }
    }
}
