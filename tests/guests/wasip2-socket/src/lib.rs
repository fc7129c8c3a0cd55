//! Tries to reach the network by the standard library, which on `wasm32-wasip2` imports
//! `wasi:sockets`. It reports what came of each attempt.

use std::{
    io,
    net::{TcpListener, TcpStream, ToSocketAddrs as _, UdpSocket},
};

use bailiwick_sdk::{CollectError, Collection, Collector, Field, Rows, Schema, config};

/// The collector.
#[derive(Debug)]
pub struct Socket;

impl Collector for Socket {
    fn schema() -> Schema {
        Schema::new([Collection::keyed(
            "attempts",
            [Field::text("what")],
            [Field::text("outcome")],
        )])
    }

    fn new() -> Self {
        Self
    }

    fn collect(&mut self) -> Result<Rows, CollectError> {
        // Where somebody listens, so that a refusal is the host's.
        let address = config::get("address").unwrap_or_default();
        let mut rows = Rows::new(&Self::schema());
        for (what, outcome) in [
            ("connect", outcome(TcpStream::connect(&address))),
            ("listen", outcome(TcpListener::bind("127.0.0.1:0"))),
            ("udp", outcome(UdpSocket::bind("127.0.0.1:0"))),
            ("look-up", outcome("localhost:80".to_socket_addrs())),
        ] {
            rows.push("attempts", [what.into(), outcome.into()]);
        }
        Ok(rows)
    }
}

fn outcome<T>(result: io::Result<T>) -> String {
    match result {
        Ok(_) => "done".to_owned(),
        Err(error) => format!("{:?}", error.kind()),
    }
}

bailiwick_sdk::collector!(Socket);
