//! What a component imports, compared with what its policy grants. Reading components is
//! `bailiwick-audit`'s; the comparison is here, so that the agent, the console and the
//! vendor's tool say the same.

mod compare;

pub use compare::{ImportChange, ImportComparison, compare_imports};

use std::fmt;

use semver::Version;

use crate::{
    CONTRACT,
    policy::{Access, Capability, Denial, Effect, GrantSource, Policy},
    release::World,
    time::Timestamp,
};

/// The package of the contract.
pub const PACKAGE: &str = "bailiwick:plugin";

/// WASI packages of which an inert form is linked: no preopened folders, arguments or
/// environment, output to the log, clocks and random numbers work.
pub const WASI_BASELINE: [&str; 5] = [
    "wasi:cli",
    "wasi:clocks",
    "wasi:filesystem",
    "wasi:io",
    "wasi:random",
];

/// What a component asks for and offers, as read from its bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ComponentImports {
    /// Interfaces other than WASI's, in the component's order.
    pub interfaces: Vec<InterfaceImport>,
    /// Names of its exports, as `bailiwick:plugin/collect@0.1.0`.
    pub exports: Vec<String>,
    /// Imported WASI interfaces, as `wasi:io/streams@0.2.6`.
    pub wasi: Vec<String>,
}

/// One imported interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterfaceImport {
    /// `bailiwick:plugin`. Empty for an import that is in no package.
    pub package: String,
    /// `files`.
    pub interface: String,
    /// Of the package.
    pub version: Option<Version>,
    /// Names of the imported functions. None for an interface of types alone.
    pub functions: Vec<String>,
}

impl fmt::Display for InterfaceImport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.package.is_empty() {
            write!(f, "{}/", self.package)?;
        }
        f.write_str(&self.interface)?;
        self.version
            .as_ref()
            .map_or(Ok(()), |version| write!(f, "@{version}"))
    }
}

/// What the comparison found, imports first, in the component's order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Everything that was found.
    pub findings: Vec<Finding>,
}

impl Verdict {
    /// Whether the component can be started under the policy.
    pub fn accepted(&self) -> bool {
        self.refusals().next().is_none()
    }

    /// What stands against it.
    pub fn refusals(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.refuses())
    }
}

/// One fact of a verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Finding {
    /// Imported and granted.
    Granted {
        /// What.
        capability: Capability,
        /// The imported functions.
        functions: Vec<String>,
        /// The grants in force that allow it.
        grants: Vec<GrantSource>,
    },
    /// Imported, and answered by a stub that refuses.
    Stub {
        /// What.
        capability: Capability,
        /// Why.
        denial: Denial,
    },
    /// Imported and never granted: the plugin is not started.
    NotGranted {
        /// What.
        capability: Capability,
        /// The imported functions.
        functions: Vec<String>,
    },
    /// Granted and not imported: the policy is wider than it need be.
    NotImported {
        /// What.
        capability: Capability,
    },
    /// Imported by a plugin of a world that never has it: the plugin is not started.
    NotOfWorld {
        /// What.
        capability: Capability,
        /// Of which it is.
        world: World,
    },
    /// A WASI interface of which the inert form is linked.
    WasiBaseline {
        /// As imported.
        import: String,
    },
    /// A WASI interface that this host never links.
    WasiRefused {
        /// As imported.
        import: String,
    },
    /// Of the contract, but of a version that this host does not serve.
    Version {
        /// As imported.
        import: String,
    },
    /// Nothing that this host knows.
    Unknown {
        /// As imported.
        import: String,
    },
    /// It exports no world of the contract.
    NoWorld,
}

impl Finding {
    /// Whether it stands against starting the plugin.
    pub const fn refuses(&self) -> bool {
        match self {
            Self::Granted { .. }
            | Self::Stub { .. }
            | Self::NotImported { .. }
            | Self::WasiBaseline { .. } => false,
            Self::NotGranted { .. }
            | Self::NotOfWorld { .. }
            | Self::WasiRefused { .. }
            | Self::Version { .. }
            | Self::Unknown { .. }
            | Self::NoWorld => true,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Granted {
                capability,
                functions,
                ..
            } => write!(f, "`{capability}` is granted ({})", functions.join(", ")),
            Self::Stub { capability, denial } => {
                write!(f, "`{capability}` answers `denied`: {denial}")
            }
            Self::NotGranted {
                capability,
                functions,
            } => write!(
                f,
                "`{capability}` is imported ({}) and the policy does not grant it: have a \
                 grant of it approved, or remove the import",
                functions.join(", ")
            ),
            Self::NotOfWorld { capability, world } => write!(
                f,
                "`{capability}` is imported, and only action handlers have it: remove the import, \
                 or export `handle` in place of `{}`",
                world.interface()
            ),
            Self::NotImported { capability } => write!(
                f,
                "`{capability}` is granted and not imported: the grant can be removed"
            ),
            Self::WasiBaseline { import } => {
                write!(f, "`{import}` is linked in an inert form")
            }
            Self::WasiRefused { import } => write!(
                f,
                "`{import}` is never linked: build without it, as for wasm32-unknown-unknown"
            ),
            Self::Version { import } => write!(
                f,
                "`{import}` is of another version than {CONTRACT}, which this host serves: \
                 rebuild the plugin or update the host"
            ),
            Self::Unknown { import } => write!(
                f,
                "`{import}` is nothing that this host knows: remove the import"
            ),
            Self::NoWorld => write!(
                f,
                "it is no plugin of `{PACKAGE}`: export one of its worlds, such as `collector`"
            ),
        }
    }
}

/// Compares what a component imports with what `policy` grants at `now`.
pub fn verdict(imports: &ComponentImports, policy: &Policy, now: Timestamp) -> Verdict {
    let world = World::of_exports(imports.exports.iter().map(String::as_str));
    let mut findings: Vec<_> = imports
        .interfaces
        .iter()
        .filter(|import| !is_of_world(import, world))
        .filter_map(|import| finding(import, world, policy, now))
        .collect();
    findings.extend(imports.wasi.iter().map(|import| wasi(import)));
    if world.is_none() {
        findings.push(Finding::NoWorld);
    }
    let imported = |capability: Capability| {
        imports
            .interfaces
            .iter()
            .any(|import| import.package == PACKAGE && import.interface == capability.name())
    };
    findings.extend(
        Capability::ALL
            .into_iter()
            .filter(|capability| {
                policy.access(*capability, now) == Access::Linked && !imported(*capability)
            })
            .map(|capability| Finding::NotImported { capability }),
    );
    Verdict { findings }
}

/// `None` for an interface of types alone, which needs no grant.
fn finding(
    import: &InterfaceImport,
    world: Option<World>,
    policy: &Policy,
    now: Timestamp,
) -> Option<Finding> {
    if import.package != PACKAGE {
        return Some(Finding::Unknown {
            import: import.to_string(),
        });
    }
    if import.version.as_ref() != Some(&CONTRACT) {
        return Some(Finding::Version {
            import: import.to_string(),
        });
    }
    let Some(capability) = Capability::named(&import.interface) else {
        let only_types = import.interface == "types" && import.functions.is_empty();
        return (!only_types).then(|| Finding::Unknown {
            import: import.to_string(),
        });
    };
    if let Some(world) = world
        && !world.has(capability)
    {
        return Some(Finding::NotOfWorld { capability, world });
    }
    let functions = import.functions.clone();
    Some(match policy.access(capability, now) {
        Access::Linked => Finding::Granted {
            capability,
            functions,
            grants: policy
                .grants_of(capability)
                .filter(|grant| grant.effect == Effect::Allow && !grant.expired(now))
                .map(|grant| grant.source)
                .collect(),
        },
        Access::Denied(denial) => Finding::Stub { capability, denial },
        Access::Absent => Finding::NotGranted {
            capability,
            functions,
        },
    })
}

fn wasi(import: &str) -> Finding {
    let package = import.split('/').next().unwrap_or_default();
    let import = import.to_owned();
    if WASI_BASELINE.contains(&package) {
        Finding::WasiBaseline { import }
    } else {
        Finding::WasiRefused { import }
    }
}

/// Whether the plugin's world itself brings `import`, so that nobody has to grant it:
/// whoever handles an action may say how far it is.
fn is_of_world(import: &InterfaceImport, world: Option<World>) -> bool {
    world == Some(World::ActionHandler)
        && import.package == PACKAGE
        && import.interface == "progress"
        && import.version.as_ref() == Some(&CONTRACT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn import(package: &str, interface: &str, version: &str) -> InterfaceImport {
        InterfaceImport {
            package: package.to_owned(),
            interface: interface.to_owned(),
            version: version.parse().ok(),
            functions: vec!["read".to_owned()],
        }
    }

    fn found(interfaces: Vec<InterfaceImport>, wasi: &[&str]) -> Verdict {
        let text = include_str!("../fixtures/policy.toml");
        let imports = ComponentImports {
            interfaces,
            exports: vec!["bailiwick:plugin/collect@0.1.0".to_owned()],
            wasi: wasi.iter().map(|name| (*name).to_owned()).collect(),
        };
        let policy = Policy::parse("inventory.toml", text).unwrap();
        verdict(&imports, &policy, Timestamp::EPOCH)
    }

    #[test]
    fn a_granted_import_is_listed_with_its_grants() {
        let verdict = found(vec![import(PACKAGE, "files", "0.1.0")], &[]);
        assert!(verdict.accepted());
        let Finding::Granted { grants, .. } = &verdict.findings[0] else {
            panic!("{verdict:?}")
        };
        assert_eq!(grants.len(), 6);
        assert!(verdict.findings.contains(&Finding::NotImported {
            capability: Capability::Network
        }));
    }

    #[test]
    fn a_handler_may_tell_its_progress_and_a_collector_has_none() {
        let progress = import(PACKAGE, "progress", "0.1.0");
        let refused = found(vec![progress.clone()], &[]);
        assert!(!refused.accepted());
        let text = include_str!("../fixtures/policy.toml");
        let policy = Policy::parse("inventory.toml", text).unwrap();
        let imports = ComponentImports {
            interfaces: vec![progress],
            exports: vec!["bailiwick:plugin/handle@0.1.0".to_owned()],
            wasi: Vec::new(),
        };
        assert!(verdict(&imports, &policy, Timestamp::EPOCH).accepted());
    }

    #[test]
    fn what_is_of_handlers_alone_refuses_a_collector_whatever_is_granted() {
        let grant = "[[grant]]\ncapability = \"process-control\"\neffect = \"allow\"\n\
                     verbs = [\"end\"]\nexecutables = [\"/**\"]\nwhose = \"any-session\"\n\
                     per-minute = 1\nreason = \"A test.\"\napproved-by = \"tests\"\n\
                     risk = \"high\"\n";
        let text = format!("{}{grant}", include_str!("../fixtures/policy.toml"));
        let policy = Policy::parse("p.toml", &text).unwrap();
        let of = |export: &str| {
            let imports = ComponentImports {
                interfaces: vec![import(PACKAGE, "process-control", "0.1.0")],
                exports: vec![format!("bailiwick:plugin/{export}@0.1.0")],
                wasi: Vec::new(),
            };
            verdict(&imports, &policy, Timestamp::EPOCH)
        };
        assert!(of("handle").accepted());
        let refused = of("collect");
        let refused: Vec<_> = refused.refusals().map(ToString::to_string).collect();
        assert!(
            matches!(refused.as_slice(), [one] if one.contains("only action handlers have it")),
            "{refused:?}"
        );
    }

    #[test]
    fn what_is_not_granted_or_not_known_refuses() {
        let refused = |import| {
            let verdict = found(vec![import], &[]);
            assert!(!verdict.accepted());
            verdict.findings[0].to_string()
        };
        assert!(refused(import(PACKAGE, "state", "0.1.0")).contains("does not grant it"));
        assert!(refused(import(PACKAGE, "telepathy", "0.1.0")).contains("nothing that this host"));
        assert!(refused(import("acme:x", "files", "0.1.0")).contains("nothing that this host"));
        assert!(refused(import(PACKAGE, "files", "0.2.0")).contains("another version"));
        assert!(refused(import(PACKAGE, "files", "")).contains("another version"));
        assert!(refused(import(PACKAGE, "types", "0.1.0")).contains("nothing that this host"));
    }

    #[test]
    fn types_need_no_grant() {
        let types = InterfaceImport {
            functions: vec![],
            ..import(PACKAGE, "types", "0.1.0")
        };
        assert!(found(vec![types], &[]).accepted());
    }

    #[test]
    fn wasi_is_listed_by_name_and_bounded() {
        let verdict = found(vec![], &["wasi:io/streams@0.2.6"]);
        assert!(verdict.accepted());
        assert!(verdict.findings.contains(&Finding::WasiBaseline {
            import: "wasi:io/streams@0.2.6".to_owned()
        }));
        for wasi in [
            "wasi:http/outgoing-handler@0.2.0",
            "wasi:sockets/tcp@0.2.6",
            "wasi:iox/a",
        ] {
            assert!(!found(vec![], &[wasi]).accepted(), "{wasi}");
        }
    }

    #[test]
    fn a_component_without_a_world_is_refused() {
        let text = include_str!("../fixtures/policy.toml");
        let policy = Policy::parse("inventory.toml", text).unwrap();
        let verdict = verdict(&ComponentImports::default(), &policy, Timestamp::EPOCH);
        assert!(verdict.findings.contains(&Finding::NoWorld));
        assert!(!verdict.accepted());
    }
}
