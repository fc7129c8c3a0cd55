//! Who is measured beside the agent: what a user would pick instead, a row each.
//!
//! Each is set to the agent's own pace and to what comes nearest to its work: processor time and
//! memory of every process. Nobody listens anywhere but on loopback.

/// A program of the distribution.
///
/// In its texts `{root}` is where the packages are, `{folder}` one of its own, `{seconds}` how long
/// it is from one sample to the next, and `{port}` a port of loopback.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer {
    pub(super) name: &'static str,
    /// The Debian package that brings it.
    pub(super) package: &'static str,
    /// Its path beneath `{root}`.
    pub(super) program: &'static str,
    /// What runs it, where that is another program of this machine.
    pub(super) through: &'static [&'static str],
    pub(super) arguments: &'static [&'static str],
    pub(super) environment: &'static [(&'static str, &'static str)],
    /// Text of `{folder}/settings`.
    pub(super) settings: &'static str,
    pub(super) out: Out,
    /// For the table.
    pub(super) tells: &'static str,
}

/// Where what it tells goes, so that it can be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Out {
    /// To its output.
    Printed,
    /// Into a file of `{folder}`.
    Written(&'static str),
    /// To `{port}`, as datagrams.
    Datagrams,
    /// To whoever asks for this path at `{port}` over HTTP, as Prometheus does.
    Scraped(&'static str),
    /// To whoever asks for these items at `{port}`, as a Zabbix server does.
    Asked(&'static [&'static str]),
}

/// Nothing of what it has to say is usual.
const PLAIN: Peer = Peer {
    name: "",
    package: "",
    program: "",
    through: &[],
    arguments: &[],
    environment: &[],
    settings: "",
    out: Out::Printed,
    tells: "",
};

/// What Zabbix's own template for Linux asks of processes, memory and processors, and the memory
/// of all processes.
const ITEMS: Out = Out::Asked(&[
    "proc.num",
    "proc.num[,,run]",
    "proc.mem",
    "system.cpu.util",
    "vm.memory.size[available]",
]);

pub(super) const PEERS: [Peer; 10] = [
    Peer {
        name: "top",
        package: "procps",
        program: "usr/bin/top",
        arguments: &["-b", "-d", "{seconds}"],
        tells: "each process: CPU, memory",
        ..PLAIN
    },
    Peer {
        name: "pidstat",
        package: "sysstat",
        program: "usr/bin/pidstat",
        arguments: &["-h", "-u", "-r", "-d", "{seconds}"],
        tells: "each process that worked: CPU, memory, I/O",
        ..PLAIN
    },
    Peer {
        name: "atop",
        package: "atop",
        program: "usr/bin/atop",
        // It would have the whole machine keep accounts of processes.
        through: &["setpriv", "--bounding-set", "-sys_pacct"],
        arguments: &["-w", "{folder}/raw", "{seconds}"],
        out: Out::Written("raw"),
        tells: "each process that worked: CPU, memory, I/O; the machine",
        ..PLAIN
    },
    Peer {
        name: "collectd",
        package: "collectd-core",
        program: "usr/sbin/collectd",
        arguments: &["-f", "-C", "{folder}/settings"],
        settings: r#"
BaseDir "{folder}"
PIDFile "{folder}/pid"
PluginDir "{root}/usr/lib/collectd"
TypesDB "{root}/usr/share/collectd/types.db"
Interval {seconds}
LoadPlugin cpu
LoadPlugin memory
LoadPlugin network
LoadPlugin processes
<Plugin processes>
  ProcessMatch "all" ".*"
</Plugin>
<Plugin network>
  Server "127.0.0.1" "{port}"
</Plugin>
"#,
        out: Out::Datagrams,
        tells: "all processes summed up: CPU, memory, I/O; the machine",
        ..PLAIN
    },
    Peer {
        name: "netdata's apps.plugin",
        package: "netdata-core",
        program: "usr/lib/netdata/plugins.d/apps.plugin",
        arguments: &["{seconds}"],
        environment: &[
            ("NETDATA_USER_CONFIG_DIR", "{folder}"),
            ("NETDATA_STOCK_CONFIG_DIR", "{root}/usr/lib/netdata/conf.d"),
        ],
        tells: "groups of applications and users: CPU, memory, I/O, files",
        ..PLAIN
    },
    Peer {
        name: "node exporter",
        package: "prometheus-node-exporter",
        program: "usr/bin/prometheus-node-exporter",
        arguments: &[
            "--web.listen-address=127.0.0.1:{port}",
            "--collector.processes",
        ],
        out: Out::Scraped("/metrics"),
        tells: "how many processes and threads; the machine",
        ..PLAIN
    },
    Peer {
        name: "process exporter",
        package: "prometheus-process-exporter",
        program: "usr/bin/prometheus-process-exporter",
        arguments: &[
            "-config.path",
            "{folder}/settings",
            "-web.listen-address",
            "127.0.0.1:{port}",
        ],
        settings: "process_names:\n  - name: \"{{.Comm}}\"\n    cmdline: ['.+']\n",
        out: Out::Scraped("/metrics"),
        tells: "groups of processes by name: CPU, memory, I/O, files",
        ..PLAIN
    },
    Peer {
        name: "zabbix agent",
        package: "zabbix-agent",
        program: "usr/sbin/zabbix_agentd",
        arguments: &["-f", "-c", "{folder}/settings"],
        settings: "Server=127.0.0.1\nListenIP=127.0.0.1\nListenPort={port}\nLogType=console\n\
                   PidFile={folder}/pid\nAllowRoot=1\n",
        out: ITEMS,
        tells: "all processes summed up: number, memory; the machine",
        ..PLAIN
    },
    Peer {
        name: "zabbix agent 2",
        package: "zabbix-agent2",
        program: "usr/sbin/zabbix_agent2",
        arguments: &["-f", "-c", "{folder}/settings"],
        settings: "Server=127.0.0.1\nListenIP=127.0.0.1\nListenPort={port}\nLogType=console\n\
                   PidFile={folder}/pid\nHostname=bench\nControlSocket={folder}/control\n\
                   PluginSocket={folder}/plugin\n",
        out: ITEMS,
        tells: "all processes summed up: number, memory; the machine",
        ..PLAIN
    },
    Peer {
        name: "glances",
        package: "glances",
        program: "usr/bin/glances",
        through: &["python3"],
        arguments: &[
            "--quiet",
            "--disable-check-update",
            "--time",
            "{seconds}",
            "--export",
            "csv",
            "--export-csv-file",
            "{folder}/csv",
        ],
        environment: &[("PYTHONPATH", "{root}/usr/lib/python3/dist-packages")],
        out: Out::Written("csv"),
        tells: "reads each process; writes the machine's figures",
        ..PLAIN
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_asked_or_sends_is_told_where_on_loopback() {
        for peer in PEERS {
            let says = |what| {
                let arguments = peer.arguments.iter().any(|text| text.contains(what));
                arguments || peer.settings.contains(what)
            };
            let is_served = !matches!(peer.out, Out::Printed | Out::Written(_));
            assert_eq!(says("{port}"), is_served, "{}", peer.name);
            assert_eq!(says("127.0.0.1"), is_served, "{}", peer.name);
        }
    }
}
