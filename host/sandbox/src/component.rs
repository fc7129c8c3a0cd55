//! A component that is ready to be started, any number of times.

use bailiwick_core::release::World;

use crate::{
    artifact::{Artifact, LoadError},
    engine::Engine,
};

/// A compiled component, mapped. Cheap to clone.
#[derive(Clone)]
pub struct Component {
    pub(crate) engine: Engine,
    pub(crate) compiled: wasmtime::component::Component,
}

impl Component {
    /// Maps what the compiler made.
    ///
    /// # Errors
    ///
    /// If the artifact was made for another engine.
    pub fn from_artifact(engine: &Engine, artifact: &Artifact) -> Result<Self, LoadError> {
        Ok(Self {
            engine: engine.clone(),
            compiled: artifact.component(engine)?,
        })
    }

    /// The interfaces that it imports, as in `bailiwick:plugin/files@0.1.0`.
    pub fn imports(&self) -> Vec<String> {
        self.compiled
            .component_type()
            .imports(self.engine.wasmtime())
            .map(|(name, _)| name.to_owned())
            .collect()
    }

    /// The world that it exports; none if it is no plugin of this contract.
    pub fn world(&self) -> Option<World> {
        let engine = self.engine.wasmtime();
        let exports = self.compiled.component_type();
        World::of_exports(exports.exports(engine).map(|(name, _)| name))
    }
}

impl std::fmt::Debug for Component {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Component").finish_non_exhaustive()
    }
}
