//! `bailiwick-console serve`.

use std::{
    io::ErrorKind,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::Path,
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use bailiwick_repository::Repository;
use tokio::{net::TcpListener, sync::watch};

use super::{fresh, login, mqtt::Mqtt, retention};
use crate::{
    actions::{Actions, Ledger},
    cli::Serve,
    clock,
    enrolment::{Enrolment, Strictness},
    page::{self, LoginLink, Page, Role},
    server::{Context, Identity, Server, follow_certificates},
    store::Store,
};

/// Where the page is unless something else is asked for.
const PAGE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8480);

/// A device's certificate holds for this long at least: a device needs time to renew it.
const SHORTEST_LIFE: Duration = Duration::from_secs(2);
/// And at most: what must be renewed is looked after.
const LONGEST_LIFE: Duration = Duration::from_secs(825 * 24 * 3_600);

/// How long a commit waits for a lock that another program holds on the database.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) fn run(arguments: &Serve) -> anyhow::Result<()> {
    let folder =
        |given: &Option<_>, name| given.clone().unwrap_or_else(|| arguments.data.join(name));
    let public = folder(&arguments.public, "public");
    anyhow::ensure!(
        public.is_dir(),
        "there is no folder {}: `bailiwick-console repo init` makes it, or name it with --public",
        public.display()
    );
    let keys = arguments.online_keys.clone();
    let fresh = fresh::open(
        &public,
        keys.unwrap_or_else(|| public.with_file_name("online-keys")),
    )?;
    let tls = folder(&arguments.tls, "tls");
    let identity = Identity::read(&tls)?;
    let for_devices = Identity::for_devices(&tls)?;
    std::fs::create_dir_all(&arguments.data)
        .with_context(|| format!("the folder {} can't be made", arguments.data.display()))?;
    let store = Store::open(&arguments.data, PATIENCE)?;
    let context = Context {
        actions: Actions::new(Ledger::open(&arguments.data)?),
        public: Arc::new(public),
        inlet: store.inlet(),
        enrolment: Arc::new(enrolment(arguments, &tls)?),
        now: clock::now,
        door: None,
    };
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(serve(arguments, (identity, for_devices), context, fresh))?;
    store.close();
    Ok(())
}

async fn serve(
    arguments: &Serve,
    (identity, for_devices): (Identity, Identity),
    mut context: Context,
    fresh: Option<Repository>,
) -> anyhow::Result<()> {
    let keep = retention::keep(arguments.keep)?;
    let forgetting = (context.inlet.clone(), context.now);
    let settings = page::Settings {
        data: arguments.data.clone(),
        names: arguments.page_name.clone(),
        identity,
        inlet: context.inlet.clone(),
        now: context.now,
        actions: context.actions.clone(),
        enrolment: Arc::clone(&context.enrolment),
        public: Arc::clone(&context.public),
    };
    let certificates = [settings.identity.clone(), for_devices.clone()];
    let page = Page::on(listen(arguments.page).await?, settings)?;
    let (stop, stopped) = watch::channel(false);
    let (mqtt, hints) = Mqtt::bind(arguments, for_devices.clone(), &context, &stopped).await?;
    let broker = mqtt.address()?;
    context.enrolment.set_broker(Some(mqtt.for_devices()?));
    context.door = mqtt.door();
    let has_broker = context.door.is_some();
    let (public, enrolment) = (Arc::clone(&context.public), Arc::clone(&context.enrolment));
    let server = Server::bind(arguments.listen, for_devices, context)
        .await
        .with_context(|| {
            format!(
                "{} can't be listened on: choose another address or port with --listen",
                arguments.listen
            )
        })?;
    let address = server.address()?;
    // Devices can't reach an address that stands for every one of this machine.
    let noted = format!("https://{address}/");
    let noted = (!address.ip().is_unspecified()).then_some(noted.as_str());
    enrolment.register().note_address(noted)?;
    let who = devices(&enrolment, arguments.broker.is_some());
    let link = LoginLink::make(
        &arguments.data,
        page.address(),
        Role::Operator,
        clock::now(),
    )?;
    let signals = signals()?;
    if arguments.json {
        let line = serde_json::json!({
            "address": address.to_string(),
            "updates": format!("https://{address}/updates/"),
            "console": format!("https://{address}/"),
            "mqtt": broker,
            "devices": strictness_word(&enrolment),
            "mqtt-on-websocket": has_broker.then(|| format!("wss://{address}/mqtt")),
            "page": format!("{}/", page.address()),
            "login": link.url,
        });
        println!("{line}");
    } else {
        println!("{who}");
        println!("serving https://{address}/updates/, taking reports at https://{address}/");
        println!("taking reports over MQTT at {broker}");
        if has_broker {
            println!("and where only web traffic gets through, at wss://{address}/mqtt");
        }
        println!("page at {}/: {}", page.address(), login::words(&link));
    }
    tokio::spawn(async move {
        signals.await;
        // Nobody listens any more only when the server has already ended.
        let _ = stop.send(true);
    });
    let keeping = fresh.map(|repository| tokio::spawn(fresh::keep(repository, stopped.clone())));
    tokio::join!(
        server.run(stopped.clone()),
        page.run(stopped.clone()),
        mqtt.run(),
        hints.watch(&public, stopped.clone()),
        follow_certificates(certificates, stopped.clone()),
        retention::forget(forgetting.0, keep, forgetting.1, stopped),
    );
    if let Some(keeping) = keeping {
        // It ends between two looks; a signature under way is finished first.
        keeping.await?;
    }
    Ok(())
}

/// Which devices are listened to, as `arguments` say.
fn enrolment(arguments: &Serve, tls: &Path) -> anyhow::Result<Enrolment> {
    let life = arguments.certificate_life.get();
    let bounds = SHORTEST_LIFE..=LONGEST_LIFE;
    anyhow::ensure!(
        bounds.contains(&life),
        "--certificate-life can't be {}: it takes 2 s to 825 d",
        arguments.certificate_life
    );
    Ok(Enrolment::open(
        &arguments.data,
        tls,
        arguments.devices,
        life,
    )?)
}

fn strictness_word(enrolment: &Enrolment) -> &'static str {
    match enrolment.strictness() {
        Strictness::Enrolled => "enrolled",
        Strictness::Open => "open",
    }
}

/// Which devices are listened to, in words. What lets everybody in is said where nobody
/// overlooks it, too.
fn devices(enrolment: &Enrolment, elsewhere: bool) -> String {
    if !enrolment.can_sign() {
        eprintln!(
            "bailiwick-console: warning: there is no key of an authority: no device is enrolled \
             here, and no certificate renewed"
        );
    }
    match enrolment.strictness() {
        Strictness::Open => {
            eprintln!(
                "bailiwick-console: WARNING: --devices open: whoever knows the id of a device \
                 that is not enrolled can report in its name"
            );
            "listening to EVERY device, enrolled or not (--devices open)".to_owned()
        }
        Strictness::Enrolled if elsewhere => {
            "listening to enrolled devices; whose certificate it is that publishes at the broker \
             is for the broker to see to"
                .to_owned()
        }
        Strictness::Enrolled => {
            "listening to enrolled devices; `bailiwick-console device invite` makes a token for one"
                .to_owned()
        }
    }
}

/// A listener for the page: at the address that is asked for, or else at the usual one, or
/// at a free port where another program has that.
async fn listen(asked: Option<SocketAddr>) -> anyhow::Result<TcpListener> {
    let address = asked.unwrap_or(PAGE);
    match TcpListener::bind(address).await {
        Err(error) if asked.is_none() && error.kind() == ErrorKind::AddrInUse => {
            Ok(TcpListener::bind(SocketAddr::new(PAGE.ip(), 0)).await?)
        }
        bound => bound.with_context(|| {
            format!("{address} can't be listened on for the page: choose another with --page")
        }),
    }
}

/// Resolves on ctrl-c or SIGTERM. Handlers are installed before this returns: called before
/// the address is printed, no signal after it is lost.
#[cfg(unix)]
fn signals() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

#[cfg(not(unix))]
fn signals() -> std::io::Result<impl Future<Output = ()>> {
    Ok(async {
        // Without a handler the system's default ends the program.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    })
}
