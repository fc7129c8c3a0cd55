//! A started generation. Between two calls that are far apart it rests: what it would hand
//! over is kept, and its instance, with all its memory, is not.

use std::sync::Arc;

use bailiwick_core::action::{Progress, Request};
use bailiwick_report::schema::Schema;
use bailiwick_sandbox::{CallError, Failure, Instance};
use tokio::sync::{mpsc, watch};

use super::{
    host::Host,
    launch::{Launch, LaunchError, Told},
};
use crate::{events::Event, figures::Figures};

/// A started generation.
pub(crate) struct Live {
    pub(crate) launch: Arc<Launch>,
    told: Told,
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
    pub(crate) fn new(launch: Arc<Launch>, instance: Instance, told: Told) -> Self {
        Self {
            launch,
            told,
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

    /// What its rows look like, and its rows. Who rests is started for it, and who was
    /// stopped is started afresh.
    ///
    /// # Errors
    /// It does not start, does not take what it saved, or fails.
    pub(crate) async fn collect(
        &mut self,
        host: &Host,
    ) -> Result<(Arc<Schema>, Vec<u8>), LaunchError> {
        let mut instance = self.awake(host).await?;
        let rows = instance.collect().await;
        let world = instance.world();
        self.body = Body::Awake(instance);
        match &self.told {
            Told::Rows(schema) => Ok((Arc::clone(schema), rows?)),
            Told::Arguments(_) => Err(CallError::OtherWorld(world).into()),
        }
    }

    /// Has an action done, by the instance or a fresh one as [`Self::collect`].
    ///
    /// # Errors
    /// It does not start, does not take what it saved, or is stopped.
    pub(crate) async fn handle(
        &mut self,
        host: &Host,
        request: &Request,
        progress: &mpsc::Sender<Progress>,
        cancel: &watch::Receiver<bool>,
    ) -> Result<Result<String, Failure>, LaunchError> {
        let mut instance = self.awake(host).await?;
        let progress = progress.clone();
        // What finds no room is dropped: the next word says more.
        let sink = Box::new(move |word| drop(progress.try_send(word)));
        let answer = instance.handle(request, sink, cancel.clone()).await;
        self.body = Body::Awake(instance);
        Ok(answer?)
    }

    /// Makes it ready for an action to begin with its next call, by the instance or a fresh one as
    /// [`Self::collect`].
    ///
    /// # Errors
    /// It does not start, does not take what it saved, or has used up its share of the processor.
    pub(crate) async fn get_ready(&mut self, host: &Host) -> Result<(), LaunchError> {
        let instance = self.awake(host).await?;
        let wait = instance.wait();
        self.body = Body::Awake(instance);
        wait.map_or(Ok(()), |wait| Err(CallError::Wait(wait).into()))
    }

    /// What a handler says that it takes, for the console.
    pub(crate) fn takes(&self) -> Option<Event> {
        match &self.told {
            Told::Arguments(schema) => Some(Event::TakesArguments {
                plugin: self.launch.release.plugin.clone(),
                version: self.launch.release.version.to_string(),
                schema: schema.as_deref().map(ToOwned::to_owned),
            }),
            Told::Rows(_) => None,
        }
    }

    /// Its instance, out of its place: a future that is dropped leaves none behind.
    async fn awake(&mut self, host: &Host) -> Result<Box<Instance>, LaunchError> {
        if let Body::Awake(instance) = &self.body
            && !instance.is_alive()
        {
            self.end(Body::default());
        }
        match std::mem::take(&mut self.body) {
            Body::Awake(instance) => Ok(instance),
            Body::Resting(state) => self.start(host, state).await,
        }
    }

    /// A fresh instance that goes on from `state`, which is kept if none can be had yet.
    async fn start(&mut self, host: &Host, state: Vec<u8>) -> Result<Box<Instance>, LaunchError> {
        let (mut instance, told) = match self.launch.instance(host).await {
            Ok(started) => started,
            Err(error) => {
                self.ended = self.ended.and(error.used());
                self.body = Body::Resting(state);
                return Err(error);
            }
        };
        if !state.is_empty() {
            let version = self.launch.release.version.to_string();
            if let Err(error) = instance.load(&version, &state).await {
                self.ended = self.ended.and(&instance.usage());
                return Err(error.into());
            }
        }
        self.told = told;
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
