//! `message`: to whom, in whose name and how often the policy says; the port shows it.

use bailiwick_core::{
    notice::Notice,
    policy::{Call, Capability},
    ports::{self, MessageError, MessageOrder},
};

use crate::{
    bindings::action_handler::bailiwick::plugin::message::{Delivered, Error, Host},
    context::Context,
};

impl Host for Context {
    async fn show(
        &mut self,
        session: String,
        text: String,
    ) -> wasmtime::Result<Result<Delivered, Error>> {
        let entered = self.enter(Capability::Message)?;
        let (user, order) = match entered.granted {
            true => self.message_order(&session, &text),
            false => (None, Err(Error::Denied)),
        };
        let answer = match order {
            Ok(order) => self.show_granted(order).await,
            Err(error) => Err(error),
        };
        // Of a session that is not there nobody knows the user, and its name is the guest's own.
        let there = user.is_some().then_some(session.as_str());
        let user = user.unwrap_or_default();
        let call = Call::Message { user };
        match &answer {
            Ok(_) => self.acted(call, None, Some(&session)),
            Err(Error::Denied) => self.refused_in(call, there),
            Err(error) => self.acted(call, Some(not_shown(error)), Some(&session)),
        }
        if entered.granted && matches!(answer, Err(Error::Denied)) {
            self.account.denials += 1;
        }
        self.leave(&entered);
        Ok(answer)
    }
}

impl Context {
    /// The user of the session, if it is there, and what is shown, if the policy allows it.
    fn message_order(
        &self,
        session: &str,
        text: &str,
    ) -> (Option<String>, Result<MessageOrder, Error>) {
        let open = self.ports.sessions.open();
        let Some(session) = open.iter().find(|open| open.id.to_string() == session) else {
            return (None, Err(Error::Denied));
        };
        let facts = &session.facts;
        // Whose name is not known is meant by no grant, and root is root by any name.
        let user = match (facts.uid, &facts.user_name) {
            (0, _) => "root".to_owned(),
            (_, Some(told)) => told.value.clone(),
            (_, None) => return (None, Err(Error::Denied)),
        };
        let allowed = self.message.allows(&user, self.ports.clock.now());
        let order = match (allowed, Notice::new(text)) {
            (Err(_), _) => Err(Error::Denied),
            (Ok(_), Err(error)) => Err(Error::Text(error.to_string())),
            (Ok(allowed), Ok(notice)) => Ok(MessageOrder {
                plugin: self.plugin.clone(),
                session: session.clone(),
                from: allowed.from,
                notice,
                per_minute: Some(allowed.per_minute),
            }),
        };
        (Some(user), order)
    }

    async fn show_granted(&mut self, order: MessageOrder) -> Result<Delivered, Error> {
        let shown = tokio::select! {
            biased;
            () = self.called_off() => return Err(Error::Cancelled),
            shown = self.ports.message.show(order) => shown,
        };
        match shown {
            Ok(ports::Delivered::Notification) => Ok(Delivered::Notification),
            Ok(ports::Delivered::Terminal) => Ok(Delivered::Terminal),
            Err(MessageError::TooOften(wait)) => Err(Error::TooOften(
                u32::try_from(wait.as_millis()).unwrap_or(u32::MAX),
            )),
            Err(MessageError::Nobody(reason)) => Err(Error::Nobody(reason)),
            Err(MessageError::Unavailable(reason)) => Err(Error::Unavailable(reason)),
            Err(other) => Err(Error::Unavailable(other.to_string())),
        }
    }
}

fn not_shown(error: &Error) -> String {
    match error {
        Error::Denied => "denied".to_owned(),
        Error::Text(reason) => format!("the text: {reason}"),
        Error::TooOften(_) => "too often".to_owned(),
        Error::Nobody(reason) => format!("nobody was told: {reason}"),
        Error::Cancelled => "called off".to_owned(),
        Error::Unavailable(reason) => format!("unavailable: {reason}"),
    }
}
