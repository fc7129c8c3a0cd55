//! A connection that is nobody's, for the agent is root's and may be broken into: both ends of that.
//!
//! The kernel notes who connects (`SO_PEERCRED` of unix(7)), and whoever writes there later is that
//! to the bus, and to whom it asks what a user may: nobody hears of sessions, and starts nothing.

use std::{
    io,
    os::{fd::AsFd as _, unix::net},
};

use rustix::{
    process::{Gid, Uid, geteuid},
    thread::{set_thread_gid, set_thread_groups, set_thread_uid},
};
use tokio::net::UnixStream;

use super::connection::socket;
use crate::privileged::{LONGEST_ANSWER, Privileged, Request, line};

/// The user and the group that have nothing (`overflowuid` of user_namespaces(7)).
const NOBODY: u32 = 65_534;

/// Words with which an answer begins: the connection comes with it; there is none, and why.
const OPENED: u8 = b'+';
const NOT: u8 = b'n';

/// Has `privileged` connect. The user as whom it did.
pub(super) async fn connect(privileged: &Privileged) -> io::Result<(UnixStream, u32)> {
    let (answer, socket) = privileged.hear(&Request::Bus).await?;
    let Some(socket) = socket else {
        let reason = String::from_utf8_lossy(answer.get(1..).unwrap_or_default());
        return Err(io::Error::other(reason.into_owned()));
    };
    let stream = net::UnixStream::from(socket);
    stream.set_nonblocking(true)?;
    let own = geteuid();
    let uid = if own.is_root() { NOBODY } else { own.as_raw() };
    Ok((UnixStream::from_std(stream)?, uid))
}

/// Connects to the bus at `address`, and hands the connection over on standard output. For a process
/// of one thread that nothing else is expected of.
pub(crate) fn serve(address: &str) -> io::Result<()> {
    let to = io::stdout();
    match as_nobody(address) {
        Ok(stream) => line::send(&to, &[OPENED], &[stream.as_fd()]),
        Err(error) => {
            let mut answer = [&[NOT], error.to_string().as_bytes()].concat();
            answer.truncate(LONGEST_ANSWER);
            line::send(&to, &answer, &[])
        }
    }
}

/// Who is not root can become nobody else, and has no more on the bus than any user.
fn as_nobody(address: &str) -> io::Result<net::UnixStream> {
    if geteuid().is_root() {
        set_thread_groups(&[])?;
        set_thread_gid(Gid::from_raw(NOBODY))?;
        set_thread_uid(Uid::from_raw(NOBODY))?;
    }
    let path = socket(address).ok_or(io::ErrorKind::InvalidInput)?;
    net::UnixStream::connect(path)
}

#[cfg(test)]
mod tests {
    use std::{fs::Permissions, os::unix::fs::PermissionsExt as _, sync::Arc};

    use super::{
        super::{
            Bus, BusError, Message, Writer,
            daemon::{Asked, Daemon, serve},
        },
        *,
    };
    use crate::sessions::tests::privileged_on;

    const BUS: &str = "org.freedesktop.DBus";
    const SERVICE: &str = "org.example.Root";
    const OPEN: &str = "org.example.Open";

    /// Everybody is let in, and root alone reaches the service, by its user and by its group.
    const POLICY: &str = r#"<policy context="default"><allow user="*"/>
<deny send_destination="org.example.Root"/></policy>
<policy user="root"><allow send_destination="org.example.Root"/></policy>
<policy group="root"><allow send_destination="org.example.Root"/></policy>"#;

    async fn ask(bus: &mut Bus, service: &str) -> Result<Message, BusError> {
        bus.ask(Message::call(service, "/", service, "Anything", &[]))
            .await
    }

    /// A service of this name, until the bus ends, and what it is asked.
    async fn service(daemon: &Daemon, name: &'static str) -> Asked {
        let (ready, taken) = tokio::sync::oneshot::channel();
        let (address, asked) = (daemon.address.clone(), Asked::default());
        let heard = Arc::clone(&asked);
        tokio::spawn(async move {
            serve(&address, name, heard, ready, |_| {
                Ok(("", Writer::default()))
            })
            .await;
        });
        taken.await.unwrap();
        asked
    }

    #[tokio::test]
    async fn what_is_said_on_it_is_said_by_nobody() {
        if !bailiwick_needs::root("that the confined agent is nobody on the bus") {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), Permissions::from_mode(0o711)).unwrap();
        let Some(daemon) = Daemon::with(&folder.path().join("bus"), 0, POLICY) else {
            return;
        };
        let asked = service(&daemon, SERVICE).await;
        let of_anybody = service(&daemon, OPEN).await;
        let privileged = privileged_on(&daemon.address);
        let mut nobodys = Bus::through(Some(&privileged), &daemon.address)
            .await
            .unwrap();
        let refused = ask(&mut nobodys, SERVICE).await.unwrap_err();
        assert!(
            matches!(&refused, BusError::Refused { name, .. } if name.ends_with(".AccessDenied")),
            "{refused}"
        );
        assert_eq!(asked.lock().unwrap().len(), 0);
        let mut roots = Bus::connect(&daemon.address).await.unwrap();
        ask(&mut roots, SERVICE).await.unwrap();
        assert_eq!(asked.lock().unwrap().len(), 1);
        for (bus, uid) in [(&mut nobodys, NOBODY), (&mut roots, 0)] {
            ask(bus, OPEN).await.unwrap();
            let own = of_anybody.lock().unwrap().pop().unwrap().sender;
            let call = Message::call(BUS, "/", BUS, "GetConnectionUnixUser", &[&own]);
            assert_eq!(bus.ask(call).await.unwrap().arguments().u32().unwrap(), uid);
        }
    }

    #[tokio::test]
    async fn where_nobody_listens_that_is_told_and_none_can_be_had_of_another_address() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bus");
        drop(net::UnixListener::bind(&path).unwrap());
        let address = format!("unix:path={}", path.display());
        let refused = Bus::through(Some(&privileged_on(&address)), &address).await;
        assert!(
            matches!(refused, Err(BusError::NotOpened(_))),
            "{refused:?}"
        );
        // The agent names none: whoever rules it has that of its start.
        let elsewhere = privileged_on("unix:path=/nowhere");
        let _listener = net::UnixListener::bind(folder.path().join("other")).unwrap();
        let other = format!("unix:path={}", folder.path().join("other").display());
        let refused = Bus::through(Some(&elsewhere), &other).await;
        assert!(
            matches!(refused, Err(BusError::NotOpened(_))),
            "{refused:?}"
        );
    }
}
