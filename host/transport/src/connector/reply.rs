//! The head of an HTTP answer, read without a byte of what follows it.

use tokio::io::AsyncReadExt as _;

use super::Stream;
use crate::cause;

/// Longest head that is read, in bytes.
const LONGEST: usize = 8 * 1024;

/// Status and headers.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) status: u16,
    headers: Vec<(String, String)>,
}

impl Reply {
    /// Reads up to the empty line. One byte at a time, since what comes after belongs to
    /// another protocol; the stream below has its own buffer, or it is a dozen system calls
    /// per connection.
    pub(super) async fn read(stream: &mut dyn Stream) -> Result<Self, String> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            if head.len() == LONGEST {
                return Err("its answer is no HTTP: the head does not end".to_owned());
            }
            match stream.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(error) => return Err(cause::of(&error)),
            }
        }
        Self::parse(&head).ok_or_else(|| {
            "its answer is no HTTP: check the port; something else listens there".to_owned()
        })
    }

    fn parse(head: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(head).ok()?;
        let mut lines = text.split("\r\n");
        let mut first = lines.next()?.splitn(3, ' ');
        if !first.next()?.starts_with("HTTP/1.") {
            return None;
        }
        let status = first.next()?;
        let status = (status.len() == 3).then(|| status.parse().ok())??;
        let headers = lines
            .take_while(|line| !line.is_empty())
            .map(|line| {
                let (name, value) = line.split_once(':')?;
                Some((name.to_ascii_lowercase(), value.trim().to_owned()))
            })
            .collect::<Option<_>>()?;
        Some(Self { status, headers })
    }

    /// The value of a header that is there once. `name` in small letters.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(known, _)| known == name);
        let (_, value) = found.next()?;
        found.next().is_none().then_some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_status_and_headers() {
        let reply = Reply::parse(b"HTTP/1.1 200 OK\r\nVia: a\r\nX: 1\r\nx: 2\r\n\r\n").unwrap();
        assert_eq!(reply.status, 200);
        assert_eq!(reply.header("via"), Some("a"));
        assert_eq!(reply.header("x"), None);
        assert_eq!(Reply::parse(b"HTTP/1.0 407\r\n\r\n").unwrap().status, 407);
        for bad in [
            "",
            "SSH-2.0\r\n\r\n",
            "HTTP/1.1 2000 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\nx\r\n\r\n",
        ] {
            assert_eq!(Reply::parse(bad.as_bytes()), None, "{bad}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_head_makes_it_panic(head: Vec<u8>) {
            let _ = Reply::parse(&head);
        }
    }
}
