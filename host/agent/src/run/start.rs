//! Makes the agent's parts, in the order in which they need each other.

use std::{path::PathBuf, sync::Arc};

use anyhow::Context as _;
use bailiwick_core::{
    ports::{Clock, Fetch},
    settings::Settings,
};
use bailiwick_delivery::Delivery;
use bailiwick_device::{DeviceFiles, DeviceLinks, DeviceSystem, SystemClock};
use bailiwick_sandbox::{
    Ports,
    artifact::Artifacts,
    compile::{Child, ChildLimits},
    engine,
};
use bailiwick_transport::{Address, Endpoint, Https, ProxySettings, Reports, Trust};
use tokio::sync::{Notify, OnceCell, mpsc};

use super::{
    actor::CallEnded, coordinator::Coordinator, host::Host, logging::StandardError, output::Output,
};
use crate::{events::Event, store::Store};

/// What the service needs.
pub(crate) struct Parts {
    pub(crate) host: Arc<Host>,
    pub(crate) coordinator: Coordinator,
    pub(crate) calls: mpsc::UnboundedReceiver<CallEnded>,
    /// None if the settings name no place for reports: they are kept on the device.
    pub(crate) reports: Option<Reports>,
    pub(crate) set_aside: u64,
}

pub(crate) async fn start(settings: &Settings, output: Output) -> anyhow::Result<Parts> {
    let data = &settings.data_dir;
    std::fs::create_dir_all(data)
        .with_context(|| format!("the data folder {} can't be made", data.display()))?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let (store, opening) = Store::open(data, clock.now()).await?;
    let engine = engine::engine()?;
    let artifacts = Artifacts::open(&data.join("artifacts"), &engine)?;
    let https = https(settings)?;
    let endpoint: Arc<dyn Fetch> = Arc::new(Endpoint::new(
        &https,
        settings.update_url.parse::<Address>()?,
    ));
    let host = Arc::new(Host {
        device: store.device_id().await?,
        ports: ports(&clock, &store),
        clock,
        store,
        engine,
        artifacts,
        compiler: Child::new(compiler(settings)?, ChildLimits::default()),
        ceiling: settings.ceiling_file.clone(),
        uploads: Notify::new(),
        version: env!("CARGO_PKG_VERSION").parse()?,
        probe: OnceCell::new(),
        output,
    });
    if let Some(folder) = opening.set_aside {
        host.tell(Event::Quarantined {
            what: format!("the store, moved to {}", folder.display()),
        })
        .await;
    }
    let delivery = Delivery::open(&data.join("delivery"), settings.root_sha256)?;
    let (coordinator, calls) = Coordinator::new(
        Arc::clone(&host),
        delivery,
        endpoint,
        settings.groups.clone(),
    );
    let reports = match &settings.report_url {
        Some(url) => Some(Reports::new(&https, &url.parse::<Address>()?)),
        None => None,
    };
    Ok(Parts {
        host,
        coordinator,
        calls,
        reports,
        set_aside: opening.ever_set_aside,
    })
}

fn https(settings: &Settings) -> anyhow::Result<Https> {
    let mut trust = Trust::os();
    if let Some(file) = &settings.ca_file {
        trust = trust.and_file(file);
    }
    let proxy = ProxySettings::new(None, |name| std::env::var(name).ok());
    Ok(Https::new(&trust, &proxy)?)
}

fn ports(clock: &Arc<dyn Clock>, store: &Store) -> Ports {
    Ports {
        clock: Arc::clone(clock),
        log: Arc::new(StandardError),
        state: Arc::new(store.clone()),
        files: Arc::new(DeviceFiles::new()),
        system: Arc::new(DeviceSystem),
        links: Arc::new(DeviceLinks),
    }
}

/// The compiler of the settings, or the one beside this program.
fn compiler(settings: &Settings) -> anyhow::Result<PathBuf> {
    if let Some(program) = &settings.compiler {
        return Ok(program.clone());
    }
    let this = std::env::current_exe().context("the folder of this program is not known")?;
    Ok(this.with_file_name("bailiwick-compile"))
}
