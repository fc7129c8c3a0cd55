//! The agent at work: one loop over refreshes, requests and what plugins tell.

use std::{sync::Arc, time::Duration};

use bailiwick_core::{ports::BoxFuture, settings::Settings};
use tokio::{
    signal,
    sync::{mpsc, oneshot},
    time::Instant,
};

use super::{
    answer::Known,
    coordinator::{Coordinator, Followed},
    host::Host,
    start::Parts,
    upload,
};
use crate::{
    events::Event,
    random,
    socket::{ControlSocket, Handler, Request, Response},
};

/// Requests that may wait for the loop.
const REQUESTS: usize = 16;

type Asked = (Request, oneshot::Sender<Response>);

/// Hands requests of the socket to the loop, which alone owns the state.
struct ToLoop(mpsc::Sender<Asked>);

impl Handler for ToLoop {
    fn answer(&self, request: Request) -> BoxFuture<'_, Response> {
        Box::pin(async move {
            let stopping = || Response::Refused {
                reason: "the agent is stopping".to_owned(),
            };
            let (reply, answer) = oneshot::channel();
            if self.0.send((request, reply)).await.is_err() {
                return stopping();
            }
            answer.await.unwrap_or_else(|_| stopping())
        })
    }
}

pub(crate) async fn serve(settings: Settings, parts: Parts) -> anyhow::Result<()> {
    let Parts {
        host,
        mut coordinator,
        mut calls,
        reports,
        set_aside,
    } = parts;
    let socket = ControlSocket::bind(&settings.socket).await?;
    let (requests, mut asked) = mpsc::channel(REQUESTS);
    let listening = tokio::spawn(async move { socket.serve(Arc::new(ToLoop(requests))).await });
    let (need_full, mut full) = mpsc::channel(REQUESTS);
    let sending = reports.map(|reports| {
        let host = Arc::clone(&host);
        tokio::spawn(async move {
            if let Err(error) = upload::run(Arc::clone(&host), reports, need_full).await {
                host.tell(Event::NotDelivered {
                    reason: format!("sending ended: {error:#}"),
                })
                .await;
            }
        })
    });
    let mut known = Known::new(&settings, host.clock.now(), set_aside);
    let offline = match coordinator.start_offline().await {
        Ok(started) => started,
        Err(error) => {
            host.tell(Event::Quarantined {
                what: format!("what was delivered: {error:#}"),
            })
            .await;
            0
        }
    };
    host.tell(Event::Started {
        device: host.device.to_string(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        offline,
    })
    .await;
    let mut refresh_at = Instant::now();
    let mut stop = std::pin::pin!(stopped());
    loop {
        tokio::select! {
            biased;
            result = &mut stop => { result?; break }
            Some(plugin) = full.recv() => coordinator.ask_full(&plugin).await,
            Some(call) = calls.recv() => if let Err(error) = coordinator.call_ended(call).await {
                host.output.warn(&format!("the record of what runs is behind: {error:#}"));
            },
            Some((request, reply)) = asked.recv() => {
                if request == (Request::UpdateRefresh {}) {
                    known.refreshed(refresh(&host, &mut coordinator).await, host.clock.now());
                }
                // Whoever asked may be gone.
                drop(reply.send(known.answer(request, &host, &coordinator).await));
            }
            () = tokio::time::sleep_until(refresh_at) => {
                known.refreshed(refresh(&host, &mut coordinator).await, host.clock.now());
                let pause = with_jitter(settings.refresh_every.get())?;
                known.next_refresh(host.clock.now().after(pause));
                refresh_at = Instant::now() + pause;
            }
        }
    }
    listening.abort();
    if let Some(sending) = sending {
        sending.abort();
    }
    Ok(())
}

async fn refresh(host: &Host, coordinator: &mut Coordinator) -> Result<Followed, String> {
    match coordinator.refresh().await {
        Ok(followed) => Ok(followed),
        Err(error) => {
            let reason = format!("{error:#}");
            host.tell(Event::RefreshFailed {
                reason: reason.clone(),
            })
            .await;
            Err(reason)
        }
    }
}

/// 90 to 110 % of `pause`, so that a fleet does not ask in step.
fn with_jitter(pause: Duration) -> anyhow::Result<Duration> {
    let share = random::number()? % 2_001;
    Ok(pause.mul_f64(0.9 + 0.0001 * share as f64))
}

async fn stopped() -> std::io::Result<()> {
    #[cfg(unix)]
    {
        let mut terminate = signal::unix::signal(signal::unix::SignalKind::terminate())?;
        tokio::select! {
            result = signal::ctrl_c() => result,
            _ = terminate.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    signal::ctrl_c().await
}
