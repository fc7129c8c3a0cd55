//! `http`: the policy decides by method and address, the port by where a name leads.

use std::time::Duration;

use bailiwick_core::{
    bytes::ByteCount,
    http::{Method, Target, check_headers},
    policy::{Call, Capability},
    ports::{HttpAnswer, HttpError, HttpOrder},
};

use super::list_cost;
use crate::{
    bindings::bailiwick::plugin::http::{Error, Header, Host, Method as Asked, Request, Response},
    context::Context,
    limits::Enforcer,
    trap::Trap,
};

// As the contract says.
const LONGEST_BODY: usize = 1024 * 1024;
const LONGEST_ANSWER: u64 = 16 * 1024 * 1024;
const USUAL_TIME: Duration = Duration::from_secs(30);
const LONGEST_TIME: Duration = Duration::from_secs(60);

/// What an answer's headers may cost: kept free of what its body may be.
const HEADERS: u64 = 64 * 1024;

/// Why there is no answer, and whether the guest goes on.
enum End {
    Told(Error),
    /// More memory than there is was asked for.
    Memory,
}

impl Host for Context {
    async fn send(&mut self, request: Request) -> wasmtime::Result<Result<Response, Error>> {
        let entered = self.enter(Capability::Http)?;
        let answer = match entered.granted {
            true => self.send_request(request).await,
            false => {
                // What is no address is no call that a policy knows.
                if let Ok(target) = request.url.parse() {
                    self.refused(call(method(request.method), target));
                }
                Err(End::Told(Error::Denied))
            }
        };
        let answer = match answer {
            Ok(answer) => {
                let text = |(name, value): &(String, String)| name.len() + value.len();
                let text = answer.headers.iter().map(text).sum::<usize>();
                let headers = list_cost(2 * answer.headers.len(), text);
                self.account.pass(headers + answer.body.len() as u64)?;
                Ok(response(answer))
            }
            Err(End::Told(error)) => {
                if entered.granted && matches!(error, Error::Denied) {
                    self.account.denials += 1;
                }
                Err(error)
            }
            Err(End::Memory) => {
                let left = self.account.memory_left();
                self.account.pass(left.saturating_add(1))?;
                return Err(Trap::Memory.into());
            }
        };
        self.leave(&entered);
        Ok(answer)
    }
}

impl Context {
    async fn send_request(&mut self, request: Request) -> Result<HttpAnswer, End> {
        let invalid = |reason: String| End::Told(Error::Invalid(reason));
        let method = method(request.method);
        let target: Target = request
            .url
            .parse()
            .map_err(|error| invalid(format!("the address can't be asked: {error}")))?;
        let call = call(method, target.clone());
        let allowed = self.http.allows(method, &target, self.ports.clock.now());
        let Ok(allowed) = allowed else {
            self.refused(call);
            return Err(End::Told(Error::Denied));
        };
        let own = |header: Header| (header.name, header.value);
        let headers: Vec<_> = request.headers.into_iter().map(own).collect();
        if self.account.enforces(Enforcer::Headers) {
            check_headers(&headers).map_err(|error| invalid(error.to_string()))?;
        }
        if request.body.len() > LONGEST_BODY {
            return Err(invalid("the body is longer than 1 MiB".to_owned()));
        }
        if !method.takes_body() && !request.body.is_empty() {
            return Err(invalid(format!("a {method} has no body")));
        }
        // What arrives passes to the guest, which then holds it as well.
        let asked = u64::from(request.at_most).min(LONGEST_ANSWER);
        let room = self.account.memory_left().saturating_sub(HEADERS);
        let order = HttpOrder {
            method,
            target,
            headers,
            body: request.body,
            allowed,
            at_most: ByteCount::new(asked.min(room)),
            time_limit: match request.timeout_ms {
                0 => USUAL_TIME,
                ms => Duration::from_millis(u64::from(ms)).min(LONGEST_TIME),
            },
        };
        let answer = tokio::select! {
            biased;
            // Dropping the request closes its connection.
            () = self.called_off() => Err(None),
            answer = self.ports.http.request(&self.plugin, order) => answer.map_err(Some),
        };
        match &answer {
            Err(Some(HttpError::Denied(_))) => self.led_astray(call),
            Err(Some(error)) => self.acted(call, Some(error.to_string()), None),
            Err(None) => self.acted(call, Some("called off".to_owned()), None),
            Ok(_) => self.acted(call, None, None),
        }
        answer.map_err(|error| match error {
            Some(HttpError::TooLarge) if room < asked => End::Memory,
            Some(error) => End::Told(told(error)),
            None => End::Told(Error::Cancelled),
        })
    }
}

/// What is asked for, in the policy's terms.
const fn call(method: Method, target: Target) -> Call {
    Call::Request {
        method,
        target,
        address: None,
    }
}

/// In the contract's words. Which address is refused stays in the host.
fn told(error: HttpError) -> Error {
    match error {
        HttpError::Denied(_) => Error::Denied,
        HttpError::TooOften(wait) => {
            Error::TooOften(u32::try_from(wait.as_millis()).unwrap_or(u32::MAX))
        }
        HttpError::TooLarge => Error::TooLarge,
        HttpError::TimedOut => Error::TimedOut,
        HttpError::Unreachable(reason) => Error::Unreachable(reason),
        HttpError::NotHttp(reason) => Error::NotHttp(reason.to_owned()),
        _ => Error::Unavailable,
    }
}

const fn method(asked: Asked) -> Method {
    match asked {
        Asked::Get => Method::Get,
        Asked::Head => Method::Head,
        Asked::Post => Method::Post,
        Asked::Put => Method::Put,
        Asked::Patch => Method::Patch,
        Asked::Delete => Method::Delete,
    }
}

fn response(answer: HttpAnswer) -> Response {
    let headers = answer.headers.into_iter();
    Response {
        status: answer.status,
        headers: headers
            .map(|(name, value)| Header { name, value })
            .collect(),
        body: answer.body,
    }
}
