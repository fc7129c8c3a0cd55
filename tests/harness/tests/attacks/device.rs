//! A device with its ports, and what an attack on it came to.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bailiwick_core::ports::BoxFuture;
use bailiwick_device::{DeviceFiles, DeviceLinks, DeviceProcesses, DeviceSystem, SystemClock};
use bailiwick_harness::hostile::{Attack, Hostile, Words};
use bailiwick_sandbox::{Instance, Ports, engine::engine};
use tempfile::TempDir;

/// For something to come about on a machine that builds meanwhile.
const PATIENCE: Duration = Duration::from_secs(60);

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Device {
    Ours,
    WithoutTheDefence,
}

/// What is attacked, made anew for each device.
pub(crate) struct Scene {
    /// What the guest's files name.
    pub(crate) words: Words,
    /// The instances that are started, one after the other; the last one attacks.
    pub(crate) instances: Vec<Ports>,
    /// What happens once the last one was called.
    pub(crate) then: Option<Box<dyn Fn() + Send>>,
    /// Whether harm was done that the guest does not see.
    pub(crate) is_harmed: Option<Box<dyn Fn() -> bool + Send>>,
    /// What goes with it.
    pub(crate) _kept: Box<dyn Send>,
}

/// Makes a scene in a folder of its own.
pub(crate) type Make = fn(Device, &TempDir) -> BoxFuture<'static, Scene>;

/// This machine's, but for what does something on it.
pub(crate) fn ports() -> Ports {
    let clock = Arc::new(SystemClock::new());
    Ports::reading(
        clock.clone(),
        Arc::new(DeviceFiles::new()),
        Arc::new(DeviceSystem),
        Arc::new(DeviceLinks),
        Arc::new(DeviceProcesses::new(clock)),
    )
}

/// Runs the guest `name` against both devices.
pub(crate) async fn judge(name: &str, make: Make) {
    let saw = attacked(name, make, Device::WithoutTheDefence).await;
    assert!(
        is_as_told(&saw.said, saw.attack.succeeds.as_deref()) && saw.is_harmed != Some(false),
        "{name} does not succeed without the defence: {saw:?}"
    );
    let saw = attacked(name, make, Device::Ours).await;
    assert!(
        is_as_told(&saw.said, saw.attack.refused.as_deref()) && saw.is_harmed != Some(true),
        "{name} is not stopped: {saw:?}"
    );
    assert!(
        saw.attack.succeeds != saw.attack.refused || saw.is_harmed.is_some(),
        "{name} ends alike with and without the defence"
    );
}

/// Whether it ended with these words, or well if there are none.
fn is_as_told(said: &Result<(), String>, words: Option<&str>) -> bool {
    match (said, words) {
        (Ok(()), None) => true,
        (Err(said), Some(words)) => said.contains(words),
        (Ok(()), Some(_)) | (Err(_), None) => false,
    }
}

/// What came of an attack.
#[derive(Debug)]
struct Saw {
    attack: Attack,
    /// How the last instance ended.
    said: Result<(), String>,
    is_harmed: Option<bool>,
}

/// A guest that waits for something says so with its last digit.
fn is_not_yet(said: &str) -> bool {
    said.contains("answer 9")
}

async fn called(instance: &mut Instance) -> Result<(), String> {
    let loaded = instance.load("0.0.1", &[]).await;
    loaded.map_err(|error| error.to_string())
}

async fn attacked(name: &str, make: Make, device: Device) -> Saw {
    let folder = tempfile::tempdir().unwrap();
    let scene = make(device, &folder).await;
    let hostile = Hostile::read(name, &scene.words);
    let engine = engine().unwrap();
    let component = hostile
        .compile(&engine, &folder.path().join("artifacts"))
        .await;
    let policy = &hostile.policy;
    let mut said = Ok(());
    for ports in scene.instances {
        let now = ports.clock.now();
        let start = Instance::start(&component, policy, &policy.plugin, ports, now);
        let mut instance = start
            .await
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        said = called(&mut instance).await;
        if let Some(then) = &scene.then {
            then();
            let begun = Instant::now();
            while begun.elapsed() < PATIENCE && said.as_ref().is_err_and(|said| is_not_yet(said)) {
                tokio::task::yield_now().await;
                said = called(&mut instance).await;
            }
        }
    }
    Saw {
        attack: hostile.attack,
        said,
        is_harmed: scene.is_harmed.map(|is_harmed| is_harmed()),
    }
}
