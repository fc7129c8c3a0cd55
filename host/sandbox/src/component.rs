//! A component that is ready to be started, any number of times.

use std::sync::{Arc, Weak};

use bailiwick_core::release::World;

use crate::{
    artifact::{Artifact, LoadError},
    engine::Engine,
};

/// A compiled component, mapped. Cheap to clone: it stays mapped as long as a clone, or an
/// instance, is there.
#[derive(Clone)]
pub struct Component(Arc<Mapped>);

struct Mapped {
    engine: Engine,
    compiled: wasmtime::component::Component,
}

/// A component, if it is still mapped.
#[derive(Clone)]
pub struct WeakComponent(Weak<Mapped>);

impl WeakComponent {
    /// None if nothing holds it any more.
    pub fn upgrade(&self) -> Option<Component> {
        self.0.upgrade().map(Component)
    }
}

impl Component {
    /// Maps what the compiler made.
    ///
    /// # Errors
    ///
    /// If the artifact was made for another engine.
    pub fn from_artifact(engine: &Engine, artifact: &Artifact) -> Result<Self, LoadError> {
        Ok(Self(Arc::new(Mapped {
            engine: engine.clone(),
            compiled: artifact.component(engine)?,
        })))
    }

    /// To find it by as long as something else holds it.
    pub fn downgrade(&self) -> WeakComponent {
        WeakComponent(Arc::downgrade(&self.0))
    }

    /// The interfaces that it imports, as in `bailiwick:plugin/files@0.1.0`.
    pub fn imports(&self) -> Vec<String> {
        self.compiled()
            .component_type()
            .imports(self.engine().wasmtime())
            .map(|(name, _)| name.to_owned())
            .collect()
    }

    /// The world that it exports; none if it is no plugin of this contract.
    pub fn world(&self) -> Option<World> {
        let engine = self.engine().wasmtime();
        let exports = self.compiled().component_type();
        World::of_exports(exports.exports(engine).map(|(name, _)| name))
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.0.engine
    }

    pub(crate) fn compiled(&self) -> &wasmtime::component::Component {
        &self.0.compiled
    }
}

impl std::fmt::Debug for Component {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Component").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for WeakComponent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WeakComponent").finish_non_exhaustive()
    }
}
