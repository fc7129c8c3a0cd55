//! `bailiwick-console serve`.

use std::{
    io::ErrorKind,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use bailiwick_repository::Repository;
use tokio::{net::TcpListener, sync::watch};

use super::{fresh, login, mqtt::Mqtt};
use crate::{
    cli::Serve,
    clock,
    page::{self, LoginLink, Page, Role},
    server::{Context, Identity, Server},
    store::Store,
};

/// Where the page is unless something else is asked for.
const PAGE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8480);

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
    let identity = Identity::read(&folder(&arguments.tls, "tls"))?;
    std::fs::create_dir_all(&arguments.data)
        .with_context(|| format!("the folder {} can't be made", arguments.data.display()))?;
    let store = Store::open(&arguments.data, PATIENCE)?;
    let context = Context {
        public: Arc::new(public),
        inlet: store.inlet(),
        now: clock::now,
        door: None,
    };
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(serve(arguments, identity, context, fresh))?;
    store.close();
    Ok(())
}

async fn serve(
    arguments: &Serve,
    identity: Identity,
    mut context: Context,
    fresh: Option<Repository>,
) -> anyhow::Result<()> {
    let settings = page::Settings {
        data: arguments.data.clone(),
        names: arguments.page_name.clone(),
        identity: identity.clone(),
        inlet: context.inlet.clone(),
        now: context.now,
    };
    let page = Page::on(listen(arguments.page).await?, settings)?;
    let (stop, stopped) = watch::channel(false);
    let (mqtt, hints) = Mqtt::bind(arguments, identity.clone(), &context, &stopped).await?;
    let broker = mqtt.address()?;
    context.door = mqtt.door();
    let has_broker = context.door.is_some();
    let public = Arc::clone(&context.public);
    let server = Server::bind(arguments.listen, identity, context)
        .await
        .with_context(|| {
            format!(
                "{} can't be listened on: choose another address or port with --listen",
                arguments.listen
            )
        })?;
    let address = server.address()?;
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
            "mqtt-on-websocket": has_broker.then(|| format!("wss://{address}/mqtt")),
            "page": format!("{}/", page.address()),
            "login": link.url,
        });
        println!("{line}");
    } else {
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
        hints.watch(&public, stopped),
    );
    if let Some(keeping) = keeping {
        // It ends between two looks; a signature under way is finished first.
        keeping.await?;
    }
    Ok(())
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
