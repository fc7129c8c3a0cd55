//! MQTT for one desk: a broker of which the console is the only reader, or the console as a
//! client of somebody else's broker ([`foreign`]).
//!
//! The broker takes reports and events from devices and hands out receipts and hints
//! ([`bailiwick_transport::mqtt::topic`] has the topics); nothing goes from device to
//! device. It acknowledges a message after its commit, so its PUBACK is a receipt. It keeps
//! no session: what a device did not see acknowledged it sends again, and gets the receipt
//! again; the hint is retained.

mod connection;
mod conversation;
mod door;
pub(crate) mod foreign;
pub(crate) mod hints;
mod hub;
mod orders;
mod post;
mod revocation;
mod rights;

#[cfg(test)]
mod tests;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bailiwick_core::time::Timestamp;
use tokio::{
    net::TcpListener,
    sync::{Semaphore, mpsc, watch},
    task::JoinSet,
    time::timeout,
};

use crate::{
    enrolment::Enrolment,
    server::{
        Identity,
        connections::{ARRIVALS, accept},
        rate::Origins,
    },
    store::Inlet,
};
use door::Arrival;
pub(crate) use door::Door;
use foreign::Entrance;
use hub::Hub;

/// Connections at once; more wait in the operating system's queue.
const CONNECTIONS: usize = 1_024;
/// Room for messages of all connections that wait for their commit, in places: 128 MiB.
const POSTS: usize = 256;
/// A place is room for so many bytes. A message takes one or more.
const PLACE: usize = 512 * 1024;
/// Connections that hold more than a short packet in memory.
const BODIES: usize = 16;
/// For what waits for its commit when the broker stops.
const FAREWELL: Duration = Duration::from_secs(10);
/// What every connection shares.
#[derive(Clone)]
struct Shared {
    entrance: Entrance,
    inlet: Inlet,
    enrolment: Arc<Enrolment>,
    now: fn() -> Timestamp,
    hub: Arc<Hub>,
    posts: Arc<Semaphore>,
    bodies: Arc<Semaphore>,
    /// Number of the repository's timestamp, once it is known.
    hint: watch::Receiver<Option<u64>>,
    stop: watch::Receiver<bool>,
}

/// A listening socket that serves once [`Broker::run`] is called.
pub(crate) struct Broker {
    listener: TcpListener,
    identity: Identity,
    shared: Shared,
    slots: Arc<Semaphore>,
    door: Door,
    arrived: mpsc::Receiver<Arrival>,
}

impl Broker {
    /// Listens on `listen`; port 0 picks a free one.
    pub(crate) async fn bind(
        listen: SocketAddr,
        identity: Identity,
        entrance: Entrance,
        hint: watch::Receiver<Option<u64>>,
        stop: watch::Receiver<bool>,
    ) -> std::io::Result<Self> {
        let shared = Shared {
            inlet: entrance.inlet.clone(),
            enrolment: Arc::clone(&entrance.enrolment),
            now: entrance.now,
            entrance,
            hub: Arc::default(),
            posts: Arc::new(Semaphore::new(POSTS)),
            bodies: Arc::new(Semaphore::new(BODIES)),
            hint,
            stop,
        };
        let slots = Arc::new(Semaphore::new(CONNECTIONS));
        let (door, arrived) = Door::new(Arc::clone(&slots));
        Ok(Self {
            listener: TcpListener::bind(listen).await?,
            identity,
            shared,
            slots,
            door,
            arrived,
        })
    }

    /// For connections that come in another way.
    pub(crate) fn door(&self) -> Door {
        self.door.clone()
    }

    /// The address in use.
    pub(crate) fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until it is told to stop, then waits for the commits under way.
    pub(crate) async fn run(mut self) {
        let mut stopped = self.shared.stop.clone();
        let mut open = JoinSet::new();
        let origins = Origins::new(ARRIVALS);
        open.spawn(revocation::watch(self.shared.clone()));
        loop {
            tokio::select! {
                _ = stopped.wait_for(|stop| *stop) => break,
                Some(_) = open.join_next() => {}
                Some(Arrival { stream, peer, slot }) = self.arrived.recv() => {
                    let shared = self.shared.clone();
                    open.spawn(async move {
                        connection::speak(stream, peer, shared).await;
                        drop(slot);
                    });
                }
                (stream, address, slot) = accept(&self.listener, &self.slots, &origins) => {
                    let (identity, shared) = (self.identity.clone(), self.shared.clone());
                    open.spawn(async move {
                        connection::serve(stream, address, identity, shared).await;
                        drop(slot);
                    });
                }
            }
        }
        drop(self.listener);
        let ended = async { while open.join_next().await.is_some() {} };
        if timeout(FAREWELL, ended).await.is_err() {
            open.shutdown().await;
        }
    }
}

/// To the log of the server.
fn say(words: &str) {
    eprintln!("bailiwick-console: {words}");
}
