//! Makes the agent's parts, in the order in which they need each other.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context as _;
use bailiwick_core::{
    ports::{Clock, NoExec, NotWrittenDown, Pseudonyms},
    run_time::RunClock,
    settings::Settings,
};
use bailiwick_delivery::Delivery;
use bailiwick_device::{
    DeviceExec, DeviceFiles, DeviceLinks, DeviceMessage, DevicePower, DeviceProcessControl,
    DeviceProcesses, DeviceSessions, DeviceSystem, DeviceWake, DeviceWatch, SystemClock,
};
use bailiwick_sandbox::{
    Ports,
    artifact::Artifacts,
    compile::{Child, ChildLimits},
    engine,
};
use bailiwick_store::Store;
use bailiwick_transport::Requests;
use tokio::sync::{Notify, OnceCell, mpsc, watch};

use super::{
    actor::CallEnded,
    budget::OwnBudget,
    ceiling::OwnersCeiling,
    connections::{Connections, Destination, for_plugins},
    coordinator::Coordinator,
    host::Host,
    logging::StandardError,
    output::Output,
    pause::Pause,
    pseudonyms::Digests,
    sessions::OpenList,
    signed,
    standing::Standing,
    wall_clock::WallClock,
};
use crate::{
    actions::Authority,
    decisions::{Decisions, Observing},
    enrolment::Identity,
    events::Event,
    second_line::{DELIVERY, SecondLine},
    settings::Sources,
};

/// What the service needs.
pub(crate) struct Parts {
    pub(crate) host: Arc<Host>,
    pub(crate) coordinator: Coordinator,
    pub(crate) calls: mpsc::UnboundedReceiver<CallEnded>,
    /// None if the settings name no place for reports: they are kept on the device.
    pub(crate) destination: Option<Destination>,
    pub(crate) settings: Settings,
    /// What the `policies` role signed, as last read.
    pub(crate) signed: Option<String>,
    pub(crate) set_aside: u64,
}

pub(crate) async fn start(
    sources: &Sources,
    mut second_line: SecondLine,
    output: Output,
) -> anyhow::Result<Parts> {
    // What is signed is in the store, and where that is is not signed.
    let own = sources.read(None)?;
    let data = &own.data_dir;
    make_data_folder(data)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let (store, opening) = Store::open(data, clock.now()).await?;
    let run_clock = RunClock::new(store.outbox().ran().await?, clock.monotonic());
    let signed = signed::stored(&store).await?;
    // A version before this one may have signed what this one does not take.
    let (settings, refused) = match sources.read(signed.as_deref()) {
        Ok(settings) => (settings, None),
        Err(error) => (own.clone(), Some(error)),
    };
    let engine = engine::engine()?;
    let artifacts = Artifacts::open(&data.join("artifacts"), &engine)?;
    let identity = Identity::open(data)?.map(Arc::new);
    let device = match &identity {
        Some(identity) => identity.device(),
        None => store.device_id().await?,
    };
    second_line.is_on(&device);
    let connections = Connections::new(&settings, device, identity.as_deref())?;
    let open_sessions = Arc::new(OpenList::default());
    let observing = settings
        .observe_dir
        .as_deref()
        .map(|folder| {
            // The agent writes nowhere else, see `second_line`.
            anyhow::ensure!(
                folder.starts_with(&settings.data_dir),
                "`observe-dir`: {} is not beneath the data folder {}, where alone the agent \
                 writes: name a folder there",
                folder.display(),
                settings.data_dir.display()
            );
            Observing::open(folder)
                .with_context(|| format!("`observe-dir`: {} can't be made", folder.display()))
        })
        .transpose()?;
    let pseudonyms = Arc::new(Digests::open(&store).await?);
    let pause = Pause::open(&store).await?;
    let authority = Authority::open(&store, settings.groups.clone()).await?;
    let delivery = Delivery::open(&data.join(DELIVERY), settings.root_sha256)?;
    let (trust, proxy) = for_plugins(&settings);
    let requests = Arc::new(Requests::new(Arc::clone(&clock), trust, proxy));
    let processes = Arc::new(processes(&clock, &mut second_line));
    let host = Arc::new(Host {
        device,
        identity,
        ports: ports(
            &clock,
            &store,
            &open_sessions,
            &requests,
            pseudonyms,
            &second_line,
            &processes,
        ),
        processes,
        requests,
        decisions: Decisions::new(Arc::clone(&clock), open_sessions.clone(), observing),
        open_sessions,
        sessions: Arc::new(match &second_line.privileged {
            Some(privileged) => DeviceSessions::through(Arc::clone(privileged)),
            None => DeviceSessions::new(),
        }),
        wall_clock: WallClock::new(&*clock),
        clock,
        run_clock,
        store,
        engine,
        artifacts,
        targets: delivery.kept(),
        compiler: compile_child(&settings, &second_line)?,
        second_line,
        ceiling: OwnersCeiling::open(settings.ceiling_file.as_deref()),
        budget: OwnBudget::new(settings.budget),
        uploads: Default::default(),
        files: watch::Sender::new(connections.files),
        metering: watch::Sender::new(connections.metering),
        standing: Standing::default(),
        pause,
        authority,
        events: Notify::new(),
        hints: Notify::new(),
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
    if let Some(error) = refused {
        host.tell(Event::SettingsRefused {
            reason: format!("{error:#}"),
        })
        .await;
    }
    let (coordinator, calls) = Coordinator::new(
        Arc::clone(&host),
        delivery,
        connections.endpoint,
        settings.groups.clone(),
    );
    Ok(Parts {
        host,
        coordinator,
        calls,
        destination: connections.destination,
        settings,
        signed,
        set_aside: opening.ever_set_aside,
    })
}

/// Those of this device, as it may read them.
fn processes(clock: &Arc<dyn Clock>, second_line: &mut SecondLine) -> DeviceProcesses {
    let clock = Arc::clone(clock);
    let processes = match &second_line.privileged {
        Some(privileged) => DeviceProcesses::through(clock, Arc::clone(privileged)),
        None => DeviceProcesses::new(clock),
    };
    match second_line.tasks.take() {
        Some(tasks) => processes.listed_by(tasks),
        None => processes,
    }
}

fn ports(
    clock: &Arc<dyn Clock>,
    store: &Store,
    open_sessions: &Arc<OpenList>,
    requests: &Arc<Requests>,
    pseudonyms: Arc<dyn Pseudonyms>,
    second_line: &SecondLine,
    processes: &Arc<DeviceProcesses>,
) -> Ports {
    let privileged = second_line.privileged.as_ref();
    Ports {
        clock: Arc::clone(clock),
        log: Arc::new(StandardError),
        state: Arc::new(store.clone()),
        files: Arc::new(DeviceFiles::new()),
        system: Arc::new(DeviceSystem),
        links: Arc::new(DeviceLinks),
        exec: match privileged {
            Some(privileged) => Arc::new(DeviceExec::new(Arc::clone(privileged))),
            None => Arc::new(NoExec),
        },
        wake: Arc::new(match privileged {
            Some(privileged) => DeviceWake::through(Arc::clone(clock), Arc::clone(privileged)),
            None => DeviceWake::new(Arc::clone(clock)),
        }),
        // Each instance has a port of its own, see `Launch`.
        decisions: Arc::new(NotWrittenDown),
        message: Arc::new(match privileged {
            Some(privileged) => DeviceMessage::through(Arc::clone(clock), Arc::clone(privileged)),
            None => DeviceMessage::new(Arc::clone(clock)),
        }),
        power: Arc::new(match privileged {
            Some(privileged) => DevicePower::through(Arc::clone(clock), Arc::clone(privileged)),
            None => DevicePower::new(Arc::clone(clock)),
        }),
        process_control: Arc::new({
            let own = DeviceProcessControl::new(Arc::clone(clock), Arc::clone(processes));
            match privileged {
                Some(privileged) => own.through(Arc::clone(privileged)),
                None => own,
            }
        }),
        http: requests.clone(),
        watch: Arc::new(DeviceWatch::new(Arc::clone(clock))),
        processes: processes.clone(),
        sessions: open_sessions.clone(),
        pseudonyms,
        session: None,
    }
}

/// Makes the folder in which the agent keeps everything, if it is not there.
///
/// # Errors
/// This user may not.
pub(crate) fn make_data_folder(folder: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder).with_context(|| {
        format!(
            "the data folder {} can't be made: run as a user who may write there, or name \
             another with --data",
            folder.display()
        )
    })
}

fn compile_child(settings: &Settings, second_line: &SecondLine) -> anyhow::Result<Child> {
    let child = Child::new(compiler(settings)?, ChildLimits::default());
    Ok(started_apart(child, second_line))
}

#[cfg(target_os = "linux")]
fn started_apart(child: Child, second_line: &SecondLine) -> Child {
    let Some(privileged) = &second_line.privileged else {
        return child;
    };
    let apart = super::apart::CompilerApart(Arc::clone(privileged));
    child.started_by(Arc::new(apart))
}

/// The agent starts it itself, for it may.
#[cfg(not(target_os = "linux"))]
fn started_apart(child: Child, _: &SecondLine) -> Child {
    child
}

/// The compiler of the settings, or the one beside this program.
///
/// # Errors
/// None is named, and it is not known where this program is.
pub(crate) fn compiler(settings: &Settings) -> anyhow::Result<PathBuf> {
    if let Some(program) = &settings.compiler {
        return Ok(program.clone());
    }
    let this = std::env::current_exe().context("the folder of this program is not known")?;
    Ok(this.with_file_name("bailiwick-compile"))
}
