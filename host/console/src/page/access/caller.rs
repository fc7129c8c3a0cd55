//! Who asks, as a type: a route can't be written without saying which role it needs.

use std::{marker::PhantomData, path::PathBuf, sync::Arc};

use axum::{
    Form,
    extract::{FromRequest, FromRequestParts, Request},
    http::request::Parts,
};
use bailiwick_core::{ids::DeviceId, time::Timestamp};
use bailiwick_repository::{Repository, RepositoryError, Verified};
use tokio::task::spawn_blocking;

use super::{Access, Operator, Role, Secret, guard::Found, role::Least};
use crate::{
    actions::{Actions, Draft, Ledger, LedgerError},
    approvals::{Decided, Latest},
    enrolment::{Enrolment, Register, RegisterError},
    page::{Refusal, render::Frame},
    store::{
        Inlet, PostError, StoreError,
        view::{View, Views},
    },
};

/// What requests are answered from. Its parts are reached through a [`Caller`].
#[derive(Clone)]
pub(crate) struct Shared {
    pub(in crate::page) access: Arc<Access>,
    pub(in crate::page) views: Arc<Views>,
    pub(in crate::page) inlet: Inlet,
    pub(in crate::page) actions: Actions,
    pub(in crate::page) enrolment: Arc<Enrolment>,
    pub(in crate::page) public: Arc<PathBuf>,
    pub(in crate::page) decided: Arc<Latest>,
}

impl Shared {
    pub(super) fn access(&self) -> &Access {
        &self.access
    }
}

/// Someone who is logged in with at least the role `L`.
pub(crate) struct Caller<L> {
    found: Found,
    shared: Shared,
    least: PhantomData<fn() -> L>,
}

impl<L: Least> Caller<L> {
    /// The role, which may be more than the least.
    pub(crate) fn role(&self) -> Role {
        self.found.session.role
    }

    /// When the request is answered.
    pub(crate) fn now(&self) -> Timestamp {
        (self.shared.access.now)()
    }

    /// What surrounds a page for this person.
    pub(crate) fn frame(&self) -> Frame {
        Frame::of(self.role(), self.found.secret.form_token().reveal())
    }

    /// Reads the ledger of actions, away from the threads that serve connections.
    pub(crate) async fn actions<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Ledger) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<T, Refusal> {
        let answer = self.shared.actions.ask(question).await;
        answer.map_err(|error| {
            eprintln!("bailiwick-console: the page can't read the ledger of actions: {error}");
            Refusal::Unreadable
        })
    }

    /// Reads the register of devices, away from the threads that serve connections.
    pub(crate) async fn register<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Register) -> Result<T, RegisterError> + Send + 'static,
    ) -> Result<T, Refusal> {
        let enrolment = Arc::clone(&self.shared.enrolment);
        let asked = spawn_blocking(move || question(enrolment.register()));
        let answer = asked.await.map_err(|_| Refusal::Unreadable)?;
        answer.map_err(|error| {
            eprintln!("bailiwick-console: the page can't read the register of devices: {error}");
            Refusal::Unreadable
        })
    }

    /// Reads what is published, verified as devices do, away from the threads that serve
    /// connections.
    pub(crate) async fn published<T: Send + 'static>(
        &self,
        question: impl FnOnce(Result<Verified, RepositoryError>) -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        let public = Arc::clone(&self.shared.public);
        let asked = spawn_blocking(move || {
            let repository = Repository::published(&public);
            question(repository.and_then(|repository| repository.verified()))
        });
        asked.await.map_err(|_| Refusal::Unreadable)
    }

    /// What was decided of versions, as it is published now, read away from the threads that
    /// serve connections; `None` if that can't be told.
    pub(crate) async fn decided(&self) -> Result<Option<Arc<Decided>>, Refusal> {
        let public = Arc::clone(&self.shared.public);
        let decided = Arc::clone(&self.shared.decided);
        let asked = spawn_blocking(move || decided.read(&public));
        asked.await.map_err(|_| Refusal::Unreadable)
    }

    /// Reads the database, away from the threads that serve connections.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        question: impl FnOnce(&View) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Refusal> {
        let answer = Arc::clone(&self.shared.views).ask(question).await;
        answer.map_err(|error| {
            eprintln!("bailiwick-console: the page can't read the database: {error}");
            Refusal::Unreadable
        })
    }
}

impl<L: Least> FromRequestParts<Shared> for Caller<L> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, shared: &Shared) -> Result<Self, Refusal> {
        let found = parts.extensions.get::<Found>().cloned();
        let found = found.ok_or(Refusal::NotLoggedIn)?;
        if found.session.role < L::ROLE {
            let frame = Frame::of(found.session.role, found.secret.form_token().reveal());
            return Err(Refusal::Role(Box::new(frame), L::ROLE));
        }
        Ok(Self {
            found,
            shared: shared.clone(),
            least: PhantomData,
        })
    }
}

/// A form of the page, sent by a caller with at least the role `L`, and with the token of
/// the caller's session.
pub(crate) struct Submitted<L> {
    caller: Caller<L>,
    fields: Vec<(String, String)>,
}

/// Name of the field that holds the session's token.
pub(crate) const TOKEN: &str = "form-token";

impl<L: Least> Submitted<L> {
    pub(super) fn secret(&self) -> &Secret {
        &self.caller.found.secret
    }

    pub(crate) fn frame(&self) -> Frame {
        self.caller.frame()
    }

    /// The value of a field, without white space around it; empty if it is not there.
    pub(crate) fn field(&self, name: &str) -> &str {
        let mut fields = self.fields.iter();
        fields
            .find(|(field, _)| field == name)
            .map_or("", |(_, value)| value.trim())
    }

    /// The value of a field, as it was written.
    pub(crate) fn raw(&self, name: &str) -> Option<&str> {
        let mut fields = self.fields();
        fields
            .find(|(field, _)| *field == name)
            .map(|(_, value)| value)
    }

    /// All fields, as they were written.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        let fields = self.fields.iter();
        fields.map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Reads the database, as [`Caller::read`].
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        question: impl FnOnce(&View) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Refusal> {
        self.caller.read(question).await
    }
}

impl Submitted<Operator> {
    /// Keeps what an operator is to sign.
    pub(crate) async fn draft(&self, draft: Draft) -> Result<(), PostError> {
        let now = self.caller.now();
        let actions = &self.caller.shared.actions;
        actions.ask(move |ledger| ledger.draft(&draft, now)).await
    }

    /// Calls a device `label`; none gives its own name back.
    pub(crate) async fn label(
        &self,
        device: DeviceId,
        label: Option<String>,
    ) -> Result<(), PostError> {
        let stored = self.caller.shared.inlet.label(device, label).await;
        stored.map(drop)
    }
}

impl<L: Least> FromRequest<Shared> for Submitted<L> {
    type Rejection = Refusal;

    async fn from_request(request: Request, shared: &Shared) -> Result<Self, Refusal> {
        let (mut parts, body) = request.into_parts();
        let caller = Caller::<L>::from_request_parts(&mut parts, shared).await?;
        let request = Request::from_parts(parts, body);
        let Form(fields) = Form::<Vec<(String, String)>>::from_request(request, &())
            .await
            .map_err(|_| Refusal::Form(Box::new(caller.frame())))?;
        let submitted = Self { caller, fields };
        let token = Secret::claimed(submitted.field(TOKEN)).map(|token| token.fingerprint());
        if token != Some(submitted.secret().form_token().fingerprint()) {
            return Err(Refusal::Form(Box::new(submitted.frame())));
        }
        Ok(submitted)
    }
}
