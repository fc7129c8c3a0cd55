//! What an instance left behind that ran for another session.

use std::sync::Arc;

use bailiwick_core::{
    ports::{BoxFuture, State},
    session::SessionId,
    time::Timestamp,
};
use bailiwick_harness::hostile::Words;
use bailiwick_store::{SessionState, Store};
use tempfile::TempDir;

use super::device::{Device, Scene, ports};

pub(crate) fn of_another_session(device: Device, folder: &TempDir) -> BoxFuture<'static, Scene> {
    let folder = folder.path().to_owned();
    Box::pin(async move {
        let (store, _) = Store::open(&folder, Timestamp::EPOCH).await.unwrap();
        let instance = |number| {
            let session = SessionId::new(number, 1);
            let mut ports = ports();
            ports.state = match device {
                Device::WithoutTheDefence => Arc::new(store.clone()) as Arc<dyn State>,
                Device::Ours => Arc::new(SessionState::new(&store, session.clone())),
            };
            ports.session = Some(session);
            ports
        };
        Scene {
            words: Words::new(),
            instances: vec![instance("1"), instance("2")],
            then: None,
            is_harmed: None,
            _kept: Box::new(()),
        }
    })
}
