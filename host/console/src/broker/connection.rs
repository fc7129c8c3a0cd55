//! A connection from TLS to its CONNECT.

use std::{net::SocketAddr, time::Duration};

use bailiwick_transport::mqtt::{
    Leaving,
    wire::{self, ConnAck, Connect, ConnectReturnCode, From, Packet, Violation},
};
use bytes::BytesMut;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite},
    net::TcpStream,
    time::timeout,
};

use super::{Shared, conversation, rights, say};
use crate::{enrolment::Peer, server::Identity};

/// For the TLS handshake, and for CONNECT after it.
const GREETING: Duration = Duration::from_secs(10);
/// Longest CONNECT, in bytes.
const LONGEST_CONNECT: usize = 4 * 1024;

/// Serves a connection to its end.
pub(super) async fn serve(
    stream: TcpStream,
    address: SocketAddr,
    identity: Identity,
    shared: Shared,
) {
    // Receipts are small and somebody waits for each.
    let _ = stream.set_nodelay(true);
    let shaken = timeout(GREETING, identity.accept(stream, address)).await;
    let Ok(Ok((stream, peer))) = shaken else {
        return;
    };
    speak(stream, peer, shared).await;
}

/// Speaks MQTT, whatever is below.
pub(super) async fn speak(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    peer: Peer,
    shared: Shared,
) {
    let mut arrived = BytesMut::new();
    let greeting = timeout(GREETING, connect(&mut stream, &mut arrived)).await;
    let (device, connect) = match greeting {
        Ok(Ok(connect)) => match rights::device(&connect) {
            Ok(device) => (device, connect),
            Err(code) => return refuse(&mut stream, code).await,
        },
        Ok(Err(Some(Violation::Level(_)))) => {
            return refuse(&mut stream, ConnectReturnCode::RefusedProtocolVersion).await;
        }
        // It is not known who that is, and it says no MQTT: there is nothing to answer.
        _ => return,
    };
    if let Err(unfit) = shared.enrolment.admit(&peer, &device, (shared.now)()) {
        say(&format!("{device} was not let in: {unfit}"));
        return refuse(&mut stream, ConnectReturnCode::NotAuthorized).await;
    }
    let place = shared.hub.enter(device);
    let keep_alive = Duration::from_secs(connect.keep_alive.into());
    let client = conversation::Client {
        device,
        keep_alive,
        arrived,
    };
    let ended = conversation::run(client, stream, &shared, place).await;
    if let Err(reason) = ended {
        say(&format!("the connection of {device} was closed: {reason}"));
    }
}

async fn connect(
    stream: &mut (impl AsyncRead + Unpin),
    arrived: &mut BytesMut,
) -> Result<Connect, Option<Violation>> {
    loop {
        match wire::read(arrived, From::Client, LONGEST_CONNECT).map_err(Some)? {
            Some(Packet::Connect(connect)) => return Ok(connect),
            Some(_) => return Err(None),
            None => match stream.read_buf(arrived).await {
                Ok(0) | Err(_) => return Err(None),
                Ok(_) => {}
            },
        }
    }
}

/// Answers a CONNECT with a refusal, for a client that cares to read it.
async fn refuse(stream: &mut (impl AsyncWrite + Unpin), code: ConnectReturnCode) {
    let mut leaving = Leaving::default();
    if leaving
        .push(&Packet::ConnAck(ConnAck::new(code, false)))
        .is_ok()
    {
        let _ = timeout(GREETING, leaving.finish(stream)).await;
    }
}
