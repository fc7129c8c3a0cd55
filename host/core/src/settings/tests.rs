use super::*;

const DIGEST: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn file() -> String {
    format!(
        "format = 1\nupdate-url = \"https://updates.example\"\nroot-sha256 = \"{DIGEST}\"\n\
         refresh-every = \"2 h\"\ngroups = [\"pilot\", \"desks\"]\n"
    )
}

fn variable(name: &str, value: &str) -> Result<Layer, SettingsError> {
    Layer::environment([(name.to_owned(), value.to_owned())])
}

#[test]
fn the_later_layer_wins_and_says_so() {
    let signed = Layer::signed("format = 1\nrefresh-every = \"3 h\"\n").unwrap();
    let file = Layer::file("a.toml", &file()).unwrap();
    let environment = variable("BAILIWICK_REFRESH_EVERY", "4 h").unwrap();
    let flags = Layer::flags([(Name::DataDir, "/tmp/b".to_owned())]);
    let origin = |layers: &[Layer], name| {
        let settings = Settings::merge(layers).unwrap();
        let listed = settings.list().iter().find(|listed| listed.name == name);
        listed.map(|listed| format!("{} ({})", listed.value, listed.origin))
    };
    let mut layers = vec![signed, file];
    let refresh = |layers: &[Layer]| origin(layers, Name::RefreshEvery).unwrap();
    assert_eq!(refresh(&layers), "2 h (a.toml:4)");
    layers.push(environment);
    assert_eq!(
        refresh(&layers),
        "4 h (environment, BAILIWICK_REFRESH_EVERY)"
    );
    layers.push(flags);
    assert_eq!(origin(&layers, Name::DataDir).unwrap(), "/tmp/b (flag)");
    assert_eq!(
        origin(&layers, Name::Socket).unwrap(),
        "/tmp/b/agent.sock (default)"
    );
    assert_eq!(
        origin(&layers, Name::Groups).unwrap(),
        "desks,pilot (a.toml:5)"
    );
    let settings = Settings::merge(&layers).unwrap();
    assert_eq!(settings.update_url, "https://updates.example/");
    assert_eq!(settings.list().len(), Name::ALL.len());
}

#[test]
fn what_was_told_at_enrolment_counts_until_somebody_says_otherwise() {
    let enrolment = Layer::enrolment([
        (Name::UpdateUrl, "https://desk.example/updates/".to_owned()),
        (Name::RootSha256, DIGEST.to_owned()),
        (Name::ReportUrl, "https://desk.example/".to_owned()),
    ]);
    let alone = Settings::merge(std::slice::from_ref(&enrolment)).unwrap();
    assert_eq!(alone.list()[1].origin.to_string(), "enrolment");
    let signed = Layer::signed("format = 1\nreport-url = \"https://fleet.example/\"\n").unwrap();
    let file = Layer::file("a.toml", &file()).unwrap();
    let all = Settings::merge(&[enrolment, signed, file]).unwrap();
    assert_eq!(all.update_url, "https://updates.example/");
    assert_eq!(all.report_url.as_deref(), Some("https://fleet.example/"));
    let folder = Layer::flags([(Name::DataDir, "/tmp/b".to_owned())]);
    assert_eq!(Settings::data_dir(&[folder]).unwrap().as_os_str(), "/tmp/b");
}

#[test]
fn there_is_no_trust_on_first_use() {
    let text = file().replace(&format!("root-sha256 = \"{DIGEST}\"\n"), "");
    let refused = Settings::merge(&[Layer::file("a.toml", &text).unwrap()]).unwrap_err();
    assert!(
        refused.to_string().starts_with(
            "`root-sha256` is not set; write `root-sha256 = \"…\"` in the settings file, set \
             BAILIWICK_ROOT_SHA256, or pass --set root-sha256=…: "
        ),
        "{refused}"
    );
}

#[test]
fn asking_needs_to_know_the_socket_alone() {
    let socket = |layers: &[Layer]| Settings::socket(layers).unwrap().display().to_string();
    assert_eq!(socket(&[]), "/var/lib/bailiwick/agent.sock");
    let data = Layer::flags([(Name::DataDir, "/d".to_owned())]);
    assert_eq!(socket(std::slice::from_ref(&data)), "/d/agent.sock");
    let named = Layer::flags([(Name::Socket, "/s".to_owned())]);
    assert_eq!(socket(&[data, named]), "/s");
    let unknown = "sockets".parse::<Name>().unwrap_err().to_string();
    assert!(
        unknown.contains("use one of data-dir, update-url, "),
        "{unknown}"
    );
}

#[test]
fn unknown_and_wrong_settings_are_refused() {
    let unknown = Layer::file("a.toml", "format = 1\ndata_dir = \"/x\"\n").unwrap_err();
    assert!(
        unknown
            .to_string()
            .starts_with("a.toml:2:1: `data_dir` is not a key of this file")
    );
    let wrong = Layer::file("a.toml", &file().replace("https:", "http:")).unwrap_err();
    assert!(
        wrong
            .to_string()
            .starts_with("a.toml:2:14: `update-url` can't be"),
        "{wrong}"
    );
    assert!(matches!(
        variable("BAILIWICK_DATADIR", "/x"),
        Err(SettingsError::Variable { .. })
    ));
    assert_eq!(variable("PATH", "/x"), Ok(Layer::default()));
    let layers = [
        Layer::file("a.toml", &file()).unwrap(),
        variable("BAILIWICK_REFRESH_EVERY", "0 s").unwrap(),
    ];
    assert!(matches!(
        Settings::merge(&layers),
        Err(SettingsError::Value {
            name: Name::RefreshEvery,
            ..
        })
    ));
}

#[test]
fn a_signed_document_sets_nothing_of_the_devices_own() {
    for name in Name::ALL.into_iter().filter(|name| !name.may_be_signed()) {
        let refused = Layer::signed(&format!("format = 1\n{name} = \"x\"\n")).unwrap_err();
        let expected = format!(
            "policies/settings.toml:2:1: `{name}` is the device's own and can't be set by a \
             signed document; remove it here"
        );
        assert!(refused.to_string().starts_with(&expected), "{refused}");
    }
    let unknown = Layer::signed("format = 1\nx = 1\n")
        .unwrap_err()
        .to_string();
    assert!(unknown.contains("`x` is not a key"), "{unknown}");
    let signed = Layer::signed("format = 1\nreport-url = \"https://r.example/\"\n").unwrap();
    let layers = [Layer::file("a.toml", &file()).unwrap(), signed];
    let settings = Settings::merge(&layers).unwrap();
    let report = settings
        .list()
        .iter()
        .find(|one| one.name == Name::ReportUrl);
    assert_eq!(report.unwrap().origin, Origin::Signed);
}

#[test]
fn addresses_are_https_and_plain() {
    for bad in [
        "http://updates.example/",
        "https://",
        "https:///x",
        "https://user@updates.example/",
        "https://updates.example/?q",
        "https://updates.example/#f",
        "https://updates.example/../x",
        "https://updates.example/a b",
    ] {
        assert!(!value::is_accepted(Name::UpdateUrl, bad), "{bad}");
    }
    assert!(value::is_accepted(
        Name::UpdateUrl,
        "https://127.0.0.1:8443/repo"
    ));
}

#[test]
fn a_broker_is_reached_over_tls_and_nothing_else() {
    let accepted = |name: &str, text: &str| {
        let text = format!("format = 1\n{name} = \"{text}\"\n");
        Layer::file("a.toml", &text).is_ok()
    };
    for good in [
        "mqtts://b.example",
        "mqtts://b.example:1/",
        "wss://b.example/mqtt",
        "wss://b.example",
    ] {
        assert!(accepted("mqtt-url", good), "{good}");
    }
    for bad in [
        "mqtt://b.example",
        "ws://b.example/",
        "https://b.example/",
        "mqtts://",
        "mqtts://b.example/path",
        "mqtts://u:p@b.example",
        "wss://b.example/?a=b",
    ] {
        assert!(!accepted("mqtt-url", bad), "{bad}");
    }
    assert!(accepted("ack", "broker") && !accepted("ack", "nobody"));
}

#[test]
fn the_agents_own_budget_has_bounds_and_a_default() {
    let budget = |lines: &str| {
        let file = Layer::file("a.toml", &(file() + lines));
        file.map(|file| Settings::merge(&[file]).unwrap().budget)
    };
    assert_eq!(budget(""), Ok(Budget::default()));
    let set = budget("cpu-budget = \"0.5 %\"\nmemory-budget = \"1 MB\"\n").unwrap();
    assert_eq!((set.cpu.get(), set.memory.get()), (50, 1_000_000));
    for bad in [
        "cpu-budget = \"0 %\"\n",
        "cpu-budget = \"101 %\"\n",
        "cpu-budget = 1\n",
        "memory-budget = \"999 KB\"\n",
        "memory-budget = \"1001 GB\"\n",
    ] {
        let refused = budget(bad).unwrap_err().to_string();
        assert!(refused.starts_with("a.toml:6:"), "{refused}");
    }
}
