//! What an inspection found.

use bailiwick_core::{
    audit::{ComponentImports, InterfaceImport},
    digest::Sha256,
};
use semver::Version;
use serde::Serialize;

/// A component as its bytes describe it. Names are the component's own choice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Inspection {
    /// Of the file.
    pub sha256: Sha256,
    /// Length of the file.
    pub bytes: u64,
    /// In the component's order, WASI included.
    pub imports: Vec<Interface>,
    /// In the component's order.
    pub exports: Vec<Interface>,
    /// Core modules, at every depth, in the file's order.
    pub modules: Vec<CoreModule>,
    /// Components inside the component, at every depth.
    pub nested_components: u32,
    /// Which tools say that they made it. Nothing checks this.
    pub producers: Vec<Producer>,
}

/// One import or export of the component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Interface {
    /// As written: `bailiwick:plugin/files@0.1.0`.
    pub name: String,
    /// `bailiwick:plugin`, or empty for a name that is in no package.
    pub package: String,
    /// `files`; the whole name if it is in no package.
    pub interface: String,
    /// Of the package.
    pub version: Option<Version>,
    /// What can be called: functions, and what else is neither a type nor a resource.
    /// A function that stands alone is listed under its own name.
    pub functions: Vec<String>,
}

impl Interface {
    /// Whether it is one of WASI's.
    pub fn is_wasi(&self) -> bool {
        self.package.starts_with("wasi:")
    }
}

/// A core module inside the component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct CoreModule {
    /// Its length in the file.
    pub bytes: u64,
    /// Those that it defines. Each instance of the module has them for itself.
    pub memories: Vec<Memory>,
}

/// Size of a linear memory, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Memory {
    /// At the start.
    pub minimum: u64,
    /// The module's own bound, if it has one. The policy's `memory` limit holds anyway.
    pub maximum: Option<u64>,
}

/// One entry of a `producers` section.
/// <https://github.com/WebAssembly/tool-conventions/blob/main/ProducersSection.md>
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Producer {
    /// `language`, `processed-by` or `sdk`.
    pub role: String,
    /// `Rust`, `rustc`, `wit-component` …
    pub tool: String,
    /// As the tool writes it.
    pub version: String,
}

impl Inspection {
    /// What [`bailiwick_core::audit::verdict`] compares with a policy.
    pub fn component_imports(&self) -> ComponentImports {
        let (wasi, others): (Vec<_>, Vec<_>) =
            self.imports.iter().partition(|import| import.is_wasi());
        ComponentImports {
            interfaces: others
                .into_iter()
                .map(|import| InterfaceImport {
                    package: import.package.clone(),
                    interface: import.interface.clone(),
                    version: import.version.clone(),
                    functions: import.functions.clone(),
                })
                .collect(),
            exports: self
                .exports
                .iter()
                .map(|export| export.name.clone())
                .collect(),
            wasi: wasi.into_iter().map(|import| import.name.clone()).collect(),
        }
    }

    /// Bytes of linear memory at the start, if each module is instantiated once.
    pub fn initial_memory(&self) -> u64 {
        self.modules
            .iter()
            .flat_map(|module| &module.memories)
            .fold(0, |sum, memory| sum.saturating_add(memory.minimum))
    }
}
