//! The header Retry-After (RFC 9110, section 10.2.3).

use std::time::Duration;

use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

/// Longest wait that a server can ask for: beyond it a wrong header would silence a
/// device for days.
const LONGEST: Duration = Duration::from_secs(3600);

/// How long the server asks to wait, at most one hour. A date is measured against the
/// answer's own Date header, so a wrong clock of the device does not count.
pub(crate) fn wait(headers: &HeaderMap) -> Option<Duration> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let asked = text(RETRY_AFTER)?.trim();
    let wait = match asked.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let until = httpdate::parse_http_date(asked).ok()?;
            let now = httpdate::parse_http_date(text(DATE)?).ok()?;
            until.duration_since(now).unwrap_or_default()
        }
    };
    Some(wait.min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_seconds_and_dates_and_bounds_both() {
        let date = "Mon, 23 Nov 2026 10:00:00 GMT";
        for (asked, expected) in [
            ("0", Some(0)),
            ("7", Some(7)),
            (" 7 ", Some(7)),
            ("999999999", Some(3600)),
            ("Mon, 23 Nov 2026 10:00:30 GMT", Some(30)),
            ("Mon, 23 Nov 2026 09:00:00 GMT", Some(0)),
            ("Tue, 24 Nov 2026 10:00:00 GMT", Some(3600)),
            ("-1", None),
            ("1.5", None),
            ("soon", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, asked.parse().unwrap());
            headers.insert(DATE, date.parse().unwrap());
            let expected = expected.map(Duration::from_secs);
            assert_eq!(wait(&headers), expected, "{asked}");
        }
        assert_eq!(wait(&HeaderMap::new()), None);
    }
}
