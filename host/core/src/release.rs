//! A vendor's release manifest: what a component is and which host it needs.

use semver::Version;

use crate::{
    CONTRACT,
    bytes::ByteCount,
    digest::Sha256,
    document::{DocumentError, FORMAT, Key, Source, Value},
    ids::{PluginName, VendorName},
    policy::{Capability, Policy},
};

/// Longest manifest that is read.
pub const LONGEST: ByteCount = ByteCount::kib(16);

/// Longest component that is fetched: the TUF client holds a target in memory.
pub const LONGEST_COMPONENT: ByteCount = ByteCount::mib(48);

/// What one released component is, in the words of its vendor. That it is signed by that
/// vendor's role is proven elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// Which plugin.
    pub plugin: PluginName,
    /// Who publishes it.
    pub vendor: VendorName,
    /// Which version of it.
    pub version: Version,
    /// Which world it exports.
    pub world: World,
    /// Version of the contract that it was built against.
    pub contract: Version,
    /// Oldest host that can run it.
    pub minimum_host: Version,
    /// Digest of the component.
    pub component_sha256: Sha256,
    /// Length of the component, 1 byte to [`LONGEST_COMPONENT`].
    pub component_length: ByteCount,
}

/// A kind of plugin: the world of the contract that it targets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum World {
    /// Reads the device and returns rows.
    Collector,
    /// Does what an operator asks.
    ActionHandler,
    /// Reads the device for one session and returns rows: an instance per session.
    SessionCollector,
}

impl World {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Collector, Self::ActionHandler, Self::SessionCollector];

    /// Its name in the contract.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Collector => "collector",
            Self::ActionHandler => "action-handler",
            Self::SessionCollector => "session-collector",
        }
    }

    /// The interface by which it is known. A session-collector exports what a collector
    /// does: its release says which it is.
    pub const fn interface(self) -> &'static str {
        match self {
            Self::Collector | Self::SessionCollector => "collect",
            Self::ActionHandler => "handle",
        }
    }

    /// Whether a plugin of it can have `capability`, if a policy grants it.
    pub const fn has(self, capability: Capability) -> bool {
        match self {
            Self::ActionHandler => true,
            Self::Collector | Self::SessionCollector => !capability.is_of_handlers(),
        }
    }

    /// The world of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|world| world.name() == name)
    }

    /// The world of a component that exports `exports`, [`World::Collector`] for that of
    /// sessions as well, each as
    /// `bailiwick:plugin/collect@0.1.0`.
    pub fn of_exports<'a>(exports: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        exports.into_iter().find_map(|export| {
            let (interface, version) = export.strip_prefix("bailiwick:plugin/")?.split_once('@')?;
            (version.parse().ok() == Some(CONTRACT))
                .then(|| {
                    Self::ALL
                        .into_iter()
                        .find(|world| world.interface() == interface)
                })
                .flatten()
        })
    }

    /// Whether it is called by a schedule, which its policy must then have, and which the
    /// policy of any other must not have.
    pub const fn is_scheduled(self) -> bool {
        match self {
            Self::Collector | Self::SessionCollector => true,
            Self::ActionHandler => false,
        }
    }

    /// Whether a policy with or without a `[schedule]` fits it.
    ///
    /// # Errors
    ///
    /// It does not, and what to do.
    pub fn check_schedule(self, policy: &Policy) -> Result<(), ScheduleMismatch> {
        match (self.is_scheduled(), policy.schedule) {
            (true, None) => Err(ScheduleMismatch::Missing(self.name())),
            (false, Some(_)) => Err(ScheduleMismatch::Needless(self.name())),
            (true, Some(_)) | (false, None) => Ok(()),
        }
    }
}

/// A policy whose schedule does not fit the plugin's world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleMismatch {
    /// It says not when to call a plugin that is called by time.
    #[error("its policy has no `[schedule]`, and a {0} is called by one: add it to the policy")]
    Missing(&'static str),
    /// It has a schedule for a plugin that is called when somebody asks.
    #[error(
        "its policy has a `[schedule]`, and no {0} is called by one: remove it from the policy"
    )]
    Needless(&'static str),
}

/// Why this host can't run a release.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReleaseRefusal {
    /// Built against a contract that this host does not serve.
    #[error("it needs contract {needed}, and this host serves {served}: update the host")]
    Contract {
        /// What the release names.
        needed: Version,
        /// [`CONTRACT`].
        served: Version,
    },
    /// Made for a newer host.
    #[error("it needs host {needed} or newer, and this is {this}: update the host")]
    Host {
        /// What the release names.
        needed: Version,
        /// This host.
        this: Version,
    },
}

const PLUGIN: Key = Key::new("plugin", "\"inventory\"", "the plugin's name");
const VENDOR: Key = Key::new("vendor", "\"bailiwick\"", "the vendor's name");
const VERSION: Key = Key::new(
    "version",
    "\"0.1.0\"",
    "three numbers and at most a pre-release in lower case, 64 bytes at most, no `+`",
);
const WORLD: Key = Key::new("world", "\"collector\"", "a world that this host knows");
const CONTRACT_KEY: Key = Key::new("contract", "\"0.1.0\"", "the contract's version");
const MINIMUM_HOST: Key = Key::new("minimum-host", "\"0.1.0\"", "the oldest host's version");
const COMPONENT_SHA256: Key = Key::new(
    "component-sha256",
    "\"e3b0…b855\"",
    "the component's digest in 64 hexadecimal digits",
);
const COMPONENT_LENGTH: Key = Key::new(
    "component-length",
    "52104",
    "the component's length in bytes, 1 to 50331648",
);
const KEYS: [&Key; 9] = [
    &FORMAT,
    &PLUGIN,
    &VENDOR,
    &VERSION,
    &WORLD,
    &CONTRACT_KEY,
    &MINIMUM_HOST,
    &COMPONENT_SHA256,
    &COMPONENT_LENGTH,
];

impl Release {
    /// Reads a release manifest.
    pub fn parse(file: &str, text: &str) -> Result<Self, DocumentError> {
        let source = Source { file, text };
        let tree = source.tree(LONGEST)?;
        let document = source.document(&tree, &KEYS)?;
        document.format()?;
        Ok(Self {
            plugin: document.required(&PLUGIN)?.parsed()?,
            vendor: document.required(&VENDOR)?.parsed()?,
            version: version(document.required(&VERSION)?)?,
            world: document
                .required(&WORLD)?
                .word(&World::ALL.map(|world| (world.name(), world)))?,
            contract: version(document.required(&CONTRACT_KEY)?)?,
            minimum_host: version(document.required(&MINIMUM_HOST)?)?,
            component_sha256: document.required(&COMPONENT_SHA256)?.parsed()?,
            component_length: ByteCount::new(
                document
                    .required(&COMPONENT_LENGTH)?
                    .integer(1..=LONGEST_COMPONENT.get())?,
            ),
        })
    }

    /// The manifest as a file that [`Self::parse`] reads.
    pub fn to_toml(&self) -> String {
        format!(
            "format = 1\nplugin = \"{}\"\nvendor = \"{}\"\nversion = \"{}\"\nworld = \"{}\"\n\
             contract = \"{}\"\nminimum-host = \"{}\"\ncomponent-sha256 = \"{}\"\n\
             component-length = {}\n",
            self.plugin,
            self.vendor,
            self.version,
            self.world.name(),
            self.contract,
            self.minimum_host,
            self.component_sha256,
            self.component_length.get(),
        )
    }

    /// Whether a host of version `host` that serves [`CONTRACT`] can run it. Versions of
    /// the contract are compatible as semantic versioning says.
    pub fn served_by(&self, host: &Version) -> Result<(), ReleaseRefusal> {
        let same_line = if CONTRACT.major == 0 {
            (self.contract.major, self.contract.minor) == (CONTRACT.major, CONTRACT.minor)
        } else {
            self.contract.major == CONTRACT.major
        };
        if !same_line || self.contract > CONTRACT {
            return Err(ReleaseRefusal::Contract {
                needed: self.contract.clone(),
                served: CONTRACT,
            });
        }
        if self.minimum_host > *host {
            return Err(ReleaseRefusal::Host {
                needed: self.minimum_host.clone(),
                this: host.clone(),
            });
        }
        Ok(())
    }
}

/// The TUF target of a component.
pub fn component_target(vendor: &VendorName, plugin: &PluginName, version: &Version) -> String {
    format!("vendor/{vendor}/{plugin}/{version}.wasm")
}

/// The TUF target of a release manifest.
pub fn manifest_target(vendor: &VendorName, plugin: &PluginName, version: &Version) -> String {
    format!("vendor/{vendor}/{plugin}/{version}.toml")
}

/// A version that can be part of a target path: what TUF readers and file systems agree
/// on, and no build metadata, because versions that differ only there have no order.
pub(crate) fn version(value: Value<'_>) -> Result<Version, DocumentError> {
    let version: Version = value.parsed()?;
    let text = value.text()?;
    if text.len() > 64 || !version.build.is_empty() || text.bytes().any(|b| b.is_ascii_uppercase())
    {
        return Err(value.refuse());
    }
    Ok(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"format = 1
plugin = "inventory"
vendor = "bailiwick"
version = "0.1.0"
world = "collector"
contract = "0.1.0"
minimum-host = "0.1.0"
component-sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
component-length = 14500
"#;

    fn refusal(from: &str, to: &str) -> String {
        assert!(GOOD.contains(from), "{from}");
        Release::parse("r.toml", &GOOD.replace(from, to))
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn a_release_reads_what_it_writes() {
        let release = Release::parse("r.toml", GOOD).unwrap();
        assert_eq!(release.to_toml(), GOOD);
        assert_eq!(
            component_target(&release.vendor, &release.plugin, &release.version),
            "vendor/bailiwick/inventory/0.1.0.wasm"
        );
    }

    #[test]
    fn a_world_is_known_by_its_export_of_this_contract() {
        let of = |export| World::of_exports(["bailiwick:plugin/handover@0.1.0", export]);
        assert_eq!(
            of("bailiwick:plugin/handle@0.1.0"),
            Some(World::ActionHandler)
        );
        assert_eq!(of("bailiwick:plugin/collect@0.1.0"), Some(World::Collector));
        for other in [
            "bailiwick:plugin/handle@0.2.0",
            "acme:x/handle@0.1.0",
            "handle",
        ] {
            assert_eq!(of(other), None, "{other}");
        }
    }

    #[test]
    fn a_policy_has_a_schedule_if_and_only_if_the_plugin_is_called_by_one() {
        let text = include_str!("../fixtures/policy.toml");
        let mut policy = Policy::parse("p.toml", text).unwrap();
        assert_eq!(World::Collector.check_schedule(&policy), Ok(()));
        let error = World::ActionHandler.check_schedule(&policy).unwrap_err();
        assert_eq!(
            error.to_string(),
            "its policy has a `[schedule]`, and no action-handler is called by one: remove it \
             from the policy"
        );
        policy.schedule = None;
        assert_eq!(World::ActionHandler.check_schedule(&policy), Ok(()));
        assert!(World::Collector.check_schedule(&policy).is_err());
    }

    #[test]
    fn refusals_say_where_and_what_to_write() {
        assert_eq!(
            refusal("component-length = 14500", "component-length = 0"),
            "r.toml:9:20: `component-length` can't be `0`; write `component-length = 52104`: \
             the component's length in bytes, 1 to 50331648"
        );
        assert_eq!(
            refusal("world = \"collector\"\n", ""),
            "r.toml:1:1: `world` is missing from this file; write `world = \"collector\"`: \
             a world that this host knows"
        );
        assert!(refusal("plugin =", "plugins =").starts_with(
            "r.toml:2:1: `plugins` is not a key of this file; write one of `format`, `plugin`,"
        ));
        assert!(refusal("format = 1", "format = 2").contains("newer than this program reads"));
        for (from, to) in [
            ("0.1.0\"\nworld", "0.1.0+b\"\nworld"),
            ("0.1.0\"\nworld", "0.1.0-RC\"\nworld"),
            ("0.1.0\"\nworld", "../../x\"\nworld"),
            ("\"inventory\"", "\"a/b\""),
            ("14500", "50331649"),
            ("14500", "-1"),
            ("e3b0", "e3b"),
            ("collector", "handler"),
        ] {
            assert!(refusal(from, to).contains("can't be"), "{to}");
        }
    }

    #[test]
    fn hosts_serve_their_own_line_of_the_contract() {
        let mut release = Release::parse("r.toml", GOOD).unwrap();
        let host = Version::new(0, 1, 0);
        assert_eq!(release.served_by(&host), Ok(()));
        release.contract = Version::new(0, 2, 0);
        assert!(matches!(
            release.served_by(&host),
            Err(ReleaseRefusal::Contract { .. })
        ));
        release.contract = Version::new(0, 1, 0);
        release.minimum_host = Version::new(0, 1, 1);
        assert!(matches!(
            release.served_by(&host),
            Err(ReleaseRefusal::Host { .. })
        ));
    }
}
