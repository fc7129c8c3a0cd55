//! What reaches furthest, through a whole agent and with real programs: a server is asked, a file
//! is watched, a process is ended, a user is told something, the device is restarted. Each is done
//! once as an operator signed and the policy grants, and refused once beside that, which the
//! device's log then tells.

#![cfg(target_os = "linux")]

use std::{
    fs::{self, Permissions},
    io::{BufRead as _, BufReader},
    os::unix::fs::{PermissionsExt as _, chown},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use bailiwick_needs::{Login, program};
use bailiwick_scenarios::{Bus, Desk, Heard, Operator, Program, free_port, nginx};
use serde_json::{Value, json};

/// For one thing to happen on a machine that builds meanwhile.
const PATIENCE: Duration = Duration::from_secs(120);
const HANDLER: &str = "meddler";

/// An account of this machine.
struct Account {
    uid: u32,
    gid: u32,
    name: String,
}

/// Those that are no root's, and that no person has.
fn accounts() -> Vec<Account> {
    let passwd = fs::read_to_string("/etc/passwd").expect("every Linux has it");
    let accounts = passwd.lines().filter_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        let (uid, gid) = (fields[2].parse().ok()?, fields[3].parse().ok()?);
        let name = fields[0].to_owned();
        (0 < uid && uid < 1_000 && gid != 0).then_some(Account { uid, gid, name })
    });
    accounts.collect()
}

/// A login with a process beside its first that runs another program. Both are the user's, and
/// end with this.
struct Working {
    shell: Child,
    cat: u32,
}

impl Working {
    fn new(of: &Account) -> Self {
        // Who is to be ended waits for the end of an input that nobody writes to.
        let script = format!(
            "echo {uid} > /proc/self/loginuid && exec setpriv --reuid {uid} --regid {gid} \
             --clear-groups sh -c 'exec 3<&0; cat <&3 >/dev/null & echo $!; read line'",
            uid = of.uid,
            gid = of.gid,
        );
        let mut command = Command::new("sh");
        command.args(["-c", &script]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut shell = command.spawn().expect("there is a shell");
        let mut line = String::new();
        let output = shell.stdout.take().expect("it is piped");
        let read = BufReader::new(output).read_line(&mut line);
        assert!(read.is_ok(), "{read:?}");
        let cat = line.trim().parse().expect("a process id");
        Self { shell, cat }
    }

    fn session_number(&self) -> String {
        let number = fs::read_to_string(format!("/proc/{}/sessionid", self.shell.id()));
        number.expect("it runs").trim().to_owned()
    }

    fn is_there(&self) -> bool {
        // One that ended has no command, also where nobody asked how it ended.
        let command = fs::read(format!("/proc/{}/cmdline", self.cat));
        command.is_ok_and(|command| !command.is_empty())
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        drop(self.shell.kill());
        drop(self.shell.wait());
    }
}

/// A user's runtime folder, as logind makes it, until it is dropped.
struct Runtime(PathBuf);

impl Runtime {
    /// None if it is there already: then it is somebody's, or another run's of this test.
    fn new(of: &Account) -> Option<Self> {
        let folder = Path::new("/run/user").join(of.uid.to_string());
        fs::create_dir_all("/run/user").expect("root may");
        fs::create_dir(&folder).ok()?;
        let made = Self(folder);
        fs::set_permissions(&made.0, Permissions::from_mode(0o700)).expect("it is ours");
        chown(&made.0, Some(of.uid), Some(of.gid)).expect("root may");
        Some(made)
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

/// What stands in for logind: it holds no lock, and never touches a machine. Of sessions it knows
/// nothing, so that they are those that the kernel numbers.
fn logind(member: &str) -> Option<(&'static str, &'static [u8])> {
    match member {
        "ListInhibitors" => Some(("a(ssssuu)", &[0; 8])),
        "Reboot" | "Hibernate" => Some(("", &[])),
        _ => None,
    }
}

/// What stands in for the notifications of a desktop.
fn desktop(member: &str) -> Option<(&'static str, &'static [u8])> {
    match member {
        "GetCapabilities" => Some(("as", &[0; 4])),
        "Notify" => Some(("u", &[7, 0, 0, 0])),
        _ => None,
    }
}

/// nginx on loopback, which notes in `asked` what it is asked.
fn server(program: &Path, desk: &Desk, port: u16) -> Program {
    let asked = desk.path("nginx/asked");
    let http = format!(
        "log_format asked '$request_uri';\naccess_log {} asked;\n\
         server {{\nlisten 127.0.0.1:{port};\nlocation / {{ return 200 \"well\"; }}\n}}\n",
        asked.display()
    );
    nginx(program, desk, &http)
}

struct Scene {
    desk: Desk,
    alice: Operator<'static>,
    _console: Program,
    agent: Program,
    /// What the device's log tells, from its beginning on.
    log: Program,
    device: String,
    orders: u32,
}

impl Scene {
    /// With what the guest's policy says once the names of `places` stand for others.
    fn new(places: &[(&str, String)], bus: &Bus, mut desk: Desk) -> Self {
        let console = desk.console();
        desk.publish_of("action-handler", HANDLER, "0.1.0");
        let guest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../guests/meddler/policy.toml");
        let mut policy = fs::read_to_string(guest).expect("it is there");
        for (theirs, ours) in places {
            assert!(policy.contains(theirs), "the policy has no {theirs}");
            policy = policy.replace(theirs, ours);
        }
        desk.put("meddler.toml", &policy);
        desk.assign(HANDLER, "0.1.0");
        let alice = Operator::make(&desk, "alice", &[HANDLER]);
        let settings = desk.settings_over_mqtt() + &desk.ceiling("");
        fs::write(desk.path("device.toml"), settings).expect("the folder is ours");
        let mut agent = desk.agent_on_bus(&bus.address());
        agent.event("plugin-started");
        Self {
            device: desk.device_id(),
            log: desk.follow(&["log", "show", "--follow"]),
            desk,
            alice,
            _console: console,
            agent,
            orders: 0,
        }
    }

    /// The session of this number of the kernel's.
    fn opened(&mut self, number: &str) -> String {
        let event = self.agent.until("the session", |line| {
            let session = line["session"].as_str().unwrap_or_default();
            line["event"] == "session-opened"
                && session.split_once('#').map(|(before, _)| before) == Some(number)
        });
        event["session"].as_str().unwrap_or_default().to_owned()
    }

    /// How a signed order ends.
    fn ordered(&mut self, asked: &Value) -> Value {
        self.orders += 1;
        let asked = asked.to_string();
        let draft = ["--handler", HANDLER, "--device", &self.device];
        let draft = [&draft[..], &["--arguments", &asked]].concat();
        let name = format!("order-{}", self.orders);
        let (id, envelope) = self.alice.sign(&self.desk, &name, "draft", &draft);
        self.desk.send(&envelope);
        self.desk.watch(&id).1
    }

    /// What the guest tells that did it.
    fn does(&mut self, asked: &Value) -> Value {
        let outcome = self.ordered(asked);
        assert_eq!(outcome["ended"], "done", "{asked}: {outcome}");
        let told = outcome["result"].as_str().unwrap_or_default();
        serde_json::from_str(told).expect("a handler tells JSON")
    }

    /// The host says `denied` to the guest, and writes down that it refused `call`.
    fn refuses(&mut self, asked: &Value, call: &str) {
        let outcome = self.ordered(asked);
        assert_eq!(outcome["ended"], "failed", "{asked}: {outcome}");
        let reason = outcome["reason"].as_str().unwrap_or_default();
        assert!(reason.ends_with("Error::Denied"), "{asked}: {reason}");
        self.logged("denied", call);
    }

    /// Waits until the log tells of such a decision about `call`.
    fn logged(&mut self, event: &str, call: &str) {
        self.log.until(&format!("{event}: {call}"), |line| {
            let told = &line["event"];
            told["event"] == event && told["plugin"] == HANDLER && told["call"] == call
        });
    }

    fn asks_the_server(&mut self, port: u16) {
        let origin = format!("http://127.0.0.1:{port}");
        let at = |path: &str| json!({ "get": { "url": format!("{origin}{path}") } });
        let told = self.does(&at("/public/a"));
        assert_eq!(told, json!({ "status": 200, "body": "well" }));
        self.logged("effect", &format!("http GET {origin}/public/a"));
        self.refuses(&at("/private"), &format!("http GET {origin}/private"));
        let asked = fs::read_to_string(self.desk.path("nginx/asked")).expect("it notes");
        assert_eq!(asked, "/public/a\n", "nobody asked for what was refused");
    }

    fn hears_of_changes(&mut self, folder: &Path) {
        let changed = json!({ "changed": {} });
        let first = self.does(&changed);
        assert_eq!(first, json!({ "paths": [], "incomplete": true }));
        let file = folder.join("a.conf");
        for name in ["a.conf", "secret"] {
            fs::write(folder.join(name), "b").expect("the folder is ours");
        }
        let begun = Instant::now();
        loop {
            let told = self.does(&changed);
            if told["paths"] == json!([file]) {
                break;
            }
            // The notice is still on its way.
            assert_eq!(told, json!({ "paths": [], "incomplete": false }));
            assert!(begun.elapsed() < PATIENCE);
        }
    }

    fn tells_the_user(&mut self, ours: &str, theirs: &str, desktop: &Heard) {
        let text =
            |session: &str| json!({ "tell": { "session": session, "text": "Save.\u{1b}[2J" } });
        let told = self.does(&text(ours));
        assert_eq!(told, json!({ "delivered": "Delivered::Notification" }));
        let shown = shown(desktop);
        assert_eq!(shown.len(), 1, "{shown:?}");
        assert!(shown[0].contains(&"Save.[2J".to_owned()), "{shown:?}");
        let heading = "IT desk (plugin meddler)".to_owned();
        assert!(shown[0].contains(&heading), "{shown:?}");
        // Who that is leaves the device as little as any user's name.
        self.refuses(&text(theirs), "message <user>");
        assert_eq!(self::shown(desktop).len(), 1);
    }

    fn restarts(&mut self, logind: &Heard, desktop: &Heard) {
        let asked = |member| logind.all().iter().filter(|a| a.member == member).count();
        self.refuses(&json!({ "hibernate": {} }), "power hibernate present");
        let begun = Instant::now();
        self.does(&json!({ "reboot": {} }));
        assert!(
            begun.elapsed() >= Duration::from_secs(5),
            "users are warned"
        );
        let warned = shown(desktop);
        let warned = warned.last().expect("the user was");
        let is_warning = |text: &String| text.contains("This device starts anew in 5 s");
        assert!(warned.iter().any(is_warning), "{warned:?}");
        // Once more it is too soon, whatever the grant says.
        let again = self.ordered(&json!({ "reboot": {} }));
        let reason = again["reason"].as_str().unwrap_or_default();
        assert!(reason.ends_with("Error::UnderWay"), "{again}");
        assert_eq!((asked("Reboot"), asked("Hibernate")), (1, 0));
        self.logged("effect", "power reboot present");
    }

    fn ends(&mut self, working: &Working, session: &str, shell: &Path) {
        let end = |process: u32| json!({ "end": { "process": process, "session": session } });
        let call = format!("process-control end {} named-session", shell.display());
        self.refuses(&end(working.shell.id()), &call);
        assert!(working.is_there());
        let told = self.does(&end(working.cat));
        assert_eq!(told, json!({ "ending": "Ending::ByItself" }));
        assert!(!working.is_there());
    }

    /// What the owner's ceiling takes away is refused as what was never granted.
    fn is_told_nothing_any_more(&mut self, folder: &Path) {
        self.desk
            .ceiling("[[ceiling]]\ndeny = [\"watch\"]\nreason = \"Mine.\"\n");
        self.agent.event("narrowed");
        fs::write(folder.join("a.conf"), "c").expect("the folder is ours");
        let call = format!("watch {}", folder.display());
        self.refuses(&json!({ "changed": {} }), &call);
    }
}

/// The texts of each notification: name, icon, summary and body.
fn shown(desktop: &Heard) -> Vec<Vec<String>> {
    let asked = desktop.all();
    let shown = asked.iter().filter(|asked| asked.member == "Notify");
    shown.map(|asked| asked.texts("susss")).collect()
}

/// A program without links, as processes that run it are told of.
fn program_of(name: &str) -> PathBuf {
    fs::canonicalize(Path::new("/bin").join(name)).expect("every Linux has it")
}

#[test]
fn what_reaches_furthest_is_done_as_granted_and_refused_beside_it() {
    let what = "http, watch, process-control, message and power through a whole agent";
    if !Login::is_possible(what) {
        return;
    }
    let (Some(nginx), Some(daemon)) = (program("nginx"), program("dbus-daemon")) else {
        return;
    };
    let accounts = accounts();
    let free = accounts
        .iter()
        .find_map(|user| Some((user, Runtime::new(user)?)));
    let (user, runtime) = free.expect("no person has these accounts");
    let other = accounts.iter().find(|other| other.uid != user.uid);
    let other = other.expect("accounts of services");
    let desk = Desk::new();
    let watched = desk.path("watched");
    fs::create_dir(&watched).expect("the folder is ours");
    // Whose bus it is reads its settings.
    let settings = desk.path("buses");
    fs::create_dir(&settings).expect("the folder is ours");
    // The agent is nobody there, as on a machine where everybody reaches the bus.
    fs::set_permissions(desk.path(""), Permissions::from_mode(0o711)).expect("the folder is ours");
    let port = free_port();
    let _server = server(&nginx, &desk, port);
    let system = Bus::start(&daemon, &settings, settings.join("system"), 0);
    let logind = system.serve("org.freedesktop.login1", logind);
    let own = Bus::start(&daemon, &runtime.0, runtime.0.join("bus"), user.uid);
    let desktop = own.serve("org.freedesktop.Notifications", desktop);

    let (cat, shell) = (program_of("cat"), program_of("sh"));
    let places = [
        ("127.0.0.1:8080", format!("127.0.0.1:{port}")),
        ("/watched", watched.display().to_string()),
        ("/usr/bin/cat", cat.display().to_string()),
        ("\"daemon\"", format!("\"{}\"", user.name)),
    ];
    let mut scene = Scene::new(&places, &system, desk);
    let working = Working::new(user);
    let ours = scene.opened(&working.session_number());
    let login = Login::of(other.uid).expect("it was possible");
    let theirs = scene.agent.opened(&login);

    scene.asks_the_server(port);
    scene.hears_of_changes(&watched);
    scene.tells_the_user(&ours, &theirs, &desktop);
    scene.restarts(&logind, &desktop);
    scene.ends(&working, &ours, &shell);
    scene.is_told_nothing_any_more(&watched);
    scene.agent.stop();
}
