//! A request as it is written (RFC 9112, section 3).

use bailiwick_core::ports::{HttpError, HttpOrder};
use tokio::io::AsyncWriteExt as _;

use crate::{cause, connector::Stream};

/// Of a request that names none.
const AGENT: &str = concat!("bailiwick/", env!("CARGO_PKG_VERSION"));

pub(super) async fn send(stream: &mut dyn Stream, order: &HttpOrder) -> Result<(), HttpError> {
    let written = async {
        stream.write_all(head(order).as_bytes()).await?;
        stream.write_all(&order.body).await?;
        stream.flush().await
    };
    let written = written.await;
    written.map_err(|error| HttpError::Unreachable(cause::of(&error)))
}

/// What comes before the body. The order's own headers have passed
/// [`bailiwick_core::http::check_headers`]: none is one of these.
fn head(order: &HttpOrder) -> String {
    let target = &order.target;
    let mut head = format!(
        "{} {} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n",
        order.method,
        target.asked(),
        target.origin().authority(),
    );
    let names_agent = |(name, _): &(String, String)| name.eq_ignore_ascii_case("user-agent");
    if !order.headers.iter().any(names_agent) {
        head.push_str(&format!("user-agent: {AGENT}\r\n"));
    }
    if order.method.takes_body() {
        head.push_str(&format!("content-length: {}\r\n", order.body.len()));
    }
    for (name, value) in &order.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    head
}
