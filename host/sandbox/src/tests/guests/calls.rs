//! The calls of an attack, one export each.

use std::{
    future::poll_fn,
    pin::pin,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use bailiwick_core::{
    action::{ActionId, Request},
    bytes::ByteCount,
    time::Timestamp,
};
use tokio::sync::watch;

use super::attack::Call;
use crate::{Instance, ProgressSink};

/// When an action is called off, or a call dropped. It is time on the clock: wasmtime's ticks are,
/// and a guest that only computes tells nobody that it began.
const A_MOMENT: Duration = Duration::from_millis(30);

/// With how often it was polled: between two polls others run.
pub(super) async fn counted<T>(call: impl Future<Output = T>) -> (T, u32) {
    let mut call = pin!(call);
    let mut polls = 0;
    let ended = poll_fn(|cx| {
        polls += 1;
        call.as_mut().poll(cx)
    })
    .await;
    (ended, polls)
}

/// Calls one export; the length of what it handed over.
pub(super) async fn call(
    instance: &mut Instance,
    export: Call,
    words: &Words,
) -> Result<ByteCount, String> {
    let length = match export {
        Call::Load => instance.load("0.0.1", &[]).await.map(|()| 0),
        Call::Save => instance.save().await.map(|saved| saved.len()),
        Call::Schema => instance.schema().await.map(|_| 0),
        Call::Collect => instance.collect().await.map(|rows| rows.len()),
        Call::Handle => return handle(instance, words).await,
        Call::Dropped => {
            let call = instance.load("0.0.1", &[]);
            let ended = tokio::time::timeout(A_MOMENT, call).await;
            assert!(ended.is_err(), "it was to go on");
            assert!(!instance.is_alive());
            return Ok(ByteCount::new(0));
        }
    };
    let length = length.map_err(|error| error.to_string())?;
    Ok(ByteCount::new(length as u64))
}

/// Has an action done that is called off after a moment.
async fn handle(instance: &mut Instance, words: &Words) -> Result<ByteCount, String> {
    let request = Request {
        id: ActionId::from_bytes([7; 16]),
        handler: "hostile".parse().unwrap(),
        arguments: String::new(),
        expires: Timestamp::from_ms(1_900_000_000_000),
    };
    let (call_off, called_off) = watch::channel(false);
    let answer = instance.handle(&request, words.sink(), called_off);
    let later = async {
        tokio::time::sleep(A_MOMENT).await;
        call_off.send_replace(true);
        std::future::pending::<()>().await;
    };
    let answer = tokio::select! {
        answer = answer => answer,
        () = later => unreachable!("it waits for ever"),
    };
    match answer.map_err(|error| error.to_string())? {
        Ok(value) => Ok(ByteCount::new(value.len() as u64)),
        Err(failure) => Err(failure.to_string()),
    }
}

/// When a handler told something.
#[derive(Clone, Default)]
pub(super) struct Words(Arc<Mutex<Vec<Instant>>>);

impl Words {
    fn sink(&self) -> ProgressSink {
        let told = self.clone();
        Box::new(move |_| told.0.lock().unwrap().push(Instant::now()))
    }

    pub(super) fn too_soon(&self) -> u32 {
        let told = self.0.lock().unwrap();
        let soon = |pair: &&[Instant]| pair[1] - pair[0] < Duration::from_millis(100);
        u32::try_from(told.windows(2).filter(soon).count()).unwrap()
    }
}
