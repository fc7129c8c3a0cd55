//! `sessions`: what is open, without what the grants don't cover.

use std::borrow::Cow;

use bailiwick_core::{
    policy::{Call, Capability, Fields, Sensitive},
    ports::Pseudonyms,
    session::{self, Remote, SessionKind, SessionState, Told},
};

use super::{list_cost, redacted};
use crate::{
    bindings::bailiwick::plugin::sessions::{Error, Host, Kind, Session, State},
    context::Context,
};

impl Host for Context {
    async fn open(&mut self) -> wasmtime::Result<Result<Vec<Session>, Error>> {
        let entered = self.enter(Capability::Sessions)?;
        let answer = if entered.granted {
            self.open_sessions()
        } else {
            Err(Error::Denied)
        };
        if matches!(answer, Err(Error::Denied)) {
            self.refused(Call::Sessions(self.own_look()));
        } else if self.observed {
            self.was_read(Call::Sessions(self.own_look()));
        }
        if let Ok(sessions) = &answer {
            let text = sessions.iter().map(text_of).sum();
            self.account.pass(list_cost(4 * sessions.len(), text))?;
        }
        self.leave(&entered);
        Ok(answer)
    }
}

impl Context {
    fn open_sessions(&mut self) -> Result<Vec<Session>, Error> {
        let now = self.ports.clock.now();
        let Ok(view) = self.sessions.view(self.ports.session.as_ref(), now) else {
            self.account.denials += 1;
            return Err(Error::Denied);
        };
        let open = self.ports.sessions.open();
        let seen = open.iter().filter_map(|session| {
            let fields = view.fields(&session.id)?;
            let own = view.is_own(&session.id);
            Some(shown(session, own, fields, &*self.ports.pseudonyms))
        });
        Ok(seen.collect())
    }
}

fn shown(
    session: &session::Session,
    own: bool,
    fields: Fields,
    pseudonyms: &dyn Pseudonyms,
) -> Session {
    let facts = &session.facts;
    let text = |field: Sensitive, told: &Option<Told<String>>| {
        let seen = redacted(fields, field, &told.as_ref()?.value, pseudonyms);
        seen.map(Cow::into_owned)
    };
    let place = |told| text(Sensitive::Place, told);
    Session {
        id: session.id.to_string(),
        own,
        kind: facts.kind.as_ref().and_then(|told| kind(told.value)),
        state: facts.state.as_ref().and_then(|told| state(told.value)),
        since: facts.since.as_ref().map(|told| told.value.as_ms()),
        idle_since: facts.idle.as_ref().and_then(|told| match told.value {
            session::Idle::Since(at) => Some(at.as_ms()),
            session::Idle::InUse => None,
        }),
        user: text(Sensitive::User, &facts.user_name),
        seat: place(&facts.seat),
        terminal: place(&facts.terminal),
        display: place(&facts.display),
        client_name: text(Sensitive::Client, &facts.client_name),
        client_address: facts.client_address.as_ref().and_then(|told| {
            let address = told.value.to_string();
            redacted(fields, Sensitive::Client, &address, pseudonyms).map(Cow::into_owned)
        }),
    }
}

/// None for what this version of the contract has no word for.
fn kind(of: SessionKind) -> Option<Kind> {
    Some(match of {
        SessionKind::Graphical => Kind::Graphical,
        SessionKind::Console => Kind::Console,
        SessionKind::Remote(Remote::Ssh) => Kind::Ssh,
        SessionKind::Remote(Remote::Rdp) => Kind::Rdp,
        SessionKind::Remote(Remote::Vnc) => Kind::Vnc,
        SessionKind::Remote(_) => Kind::Remote,
        SessionKind::Service => Kind::Service,
        SessionKind::Background => Kind::Background,
        _ => return None,
    })
}

fn state(of: SessionState) -> Option<State> {
    Some(match of {
        SessionState::Active => State::Active,
        SessionState::Locked => State::Locked,
        SessionState::Disconnected => State::Disconnected,
        SessionState::Closing => State::Closing,
        _ => return None,
    })
}

fn text_of(session: &Session) -> usize {
    let texts = [
        &session.user,
        &session.seat,
        &session.terminal,
        &session.display,
        &session.client_name,
        &session.client_address,
    ];
    let texts = texts.into_iter().flatten().map(String::len);
    session.id.len() + texts.sum::<usize>()
}
