//! A started generation. Between two calls that are far apart it rests: what it would hand
//! over is kept, and its instance, with all its memory, is not.

use std::sync::Arc;

use bailiwick_report::schema::Schema;
use bailiwick_sandbox::{CallError, Instance};

use super::{
    host::Host,
    launch::{Launch, LaunchError},
};
use crate::figures::Figures;

/// A started generation.
pub(crate) struct Live {
    pub(crate) launch: Arc<Launch>,
    pub(crate) schema: Arc<Schema>,
    body: Body,
    /// What instances have used that ended.
    ended: Figures,
}

enum Body {
    Awake(Box<Instance>),
    /// What it saved. Empty where it saved nothing, or was stopped.
    Resting(Vec<u8>),
}

impl Default for Body {
    fn default() -> Self {
        Self::Resting(Vec::new())
    }
}

impl Live {
    pub(crate) fn new(launch: Arc<Launch>, instance: Instance, schema: Schema) -> Self {
        Self {
            launch,
            schema: Arc::new(schema),
            body: Body::Awake(Box::new(instance)),
            ended: Figures::default(),
        }
    }

    /// What all its instances have used.
    pub(crate) fn figures(&self) -> Figures {
        match &self.body {
            Body::Awake(instance) => self.ended.and(&instance.usage()),
            Body::Resting(_) => self.ended,
        }
    }

    /// Its rows. Who rests is started for it, and who was stopped is started afresh.
    ///
    /// # Errors
    /// It does not start, does not take what it saved, or fails.
    pub(crate) async fn collect(&mut self, host: &Host) -> Result<Vec<u8>, LaunchError> {
        if let Body::Awake(instance) = &self.body
            && !instance.is_alive()
        {
            self.end(Body::default());
        }
        let mut instance = match std::mem::take(&mut self.body) {
            Body::Awake(instance) => instance,
            Body::Resting(state) => self.start(host, state).await?,
        };
        let rows = instance.collect().await;
        self.body = Body::Awake(instance);
        Ok(rows?)
    }

    /// A fresh instance that goes on from `state`, which is kept if none can be had yet.
    async fn start(&mut self, host: &Host, state: Vec<u8>) -> Result<Box<Instance>, LaunchError> {
        let started = self.launch.instance(host).await;
        let Ok((mut instance, schema)) = started else {
            self.body = Body::Resting(state);
            return started.map(|(instance, _)| Box::new(instance));
        };
        if !state.is_empty() {
            let version = self.launch.release.version.to_string();
            if let Err(error) = instance.load(&version, &state).await {
                self.ended = self.ended.and(&instance.usage());
                return Err(error.into());
            }
        }
        self.schema = Arc::new(schema);
        Ok(Box::new(instance))
    }

    pub(crate) fn is_resting(&self) -> bool {
        matches!(self.body, Body::Resting(_))
    }

    /// What it hands over.
    ///
    /// # Errors
    /// It could not save.
    pub(crate) async fn save(&mut self) -> Result<Vec<u8>, CallError> {
        match &mut self.body {
            Body::Awake(instance) if instance.is_alive() => instance.save().await,
            Body::Awake(_) => Ok(Vec::new()),
            Body::Resting(state) => Ok(state.clone()),
        }
    }

    /// Takes what another generation handed over; empty means nothing. It is just started.
    ///
    /// # Errors
    /// It refuses, or fails.
    pub(crate) async fn load(&mut self, from: &str, state: &[u8]) -> Result<(), CallError> {
        match &mut self.body {
            Body::Awake(instance) if !state.is_empty() => instance.load(from, state).await,
            Body::Awake(_) | Body::Resting(_) => Ok(()),
        }
    }

    /// Ends the instance, of which nothing but its figures and `left` remain.
    fn end(&mut self, left: Body) {
        self.ended = self.figures();
        self.body = left;
    }

    /// Ends the instance and keeps what it saves.
    ///
    /// # Errors
    /// It could not save. It begins afresh, unless it only has to wait for its share of the
    /// processor: then it goes on as it is.
    pub(crate) async fn rest(&mut self) -> Result<(), CallError> {
        if let Body::Awake(_) = self.body {
            match self.save().await {
                Ok(state) => self.end(Body::Resting(state)),
                Err(CallError::Wait(_)) => {}
                Err(error) => {
                    self.end(Body::default());
                    return Err(error);
                }
            }
        }
        Ok(())
    }
}
