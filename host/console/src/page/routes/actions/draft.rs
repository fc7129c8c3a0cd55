//! Drafting: which plugin, on which devices, and with which arguments.

use axum::{
    extract::Query,
    http::StatusCode,
    response::{Html, IntoResponse as _, Redirect, Response},
};
use bailiwick_core::{
    action::{Audience, Order},
    ids::{DeviceId, PluginName},
    time::Span,
};
use serde_json::{Map, Value};

use super::{
    asked::Asked,
    choose,
    form::{ARGUMENT, Form, Place, Written},
    takes::{Known, Meant},
};
use crate::{
    actions::{Draft, fresh_id},
    page::{
        Refusal,
        access::{Caller, Operator, Submitted},
        render::{Frame, Part},
    },
    store::{PostError, StoreError, view::View},
};

const TITLE: &str = "Draft an action";

/// Asks for what is not said yet, one thing a page.
pub(crate) async fn new(
    caller: Caller<Operator>,
    Query(pairs): Query<Vec<(String, String)>>,
) -> Result<Html<String>, Refusal> {
    let asked = Asked::read(&pairs);
    let frame = caller.frame().part(Part::Actions);
    let content = match asked.plugin() {
        Ok(Some(plugin)) if asked.find || asked.devices.is_empty() || !asked.strange.is_empty() => {
            let read = caller.read(move |view| choose::Devices::read(view, plugin, asked));
            read.await?.page()
        }
        Ok(Some(plugin)) => {
            let read = caller.read(move |view| form(view, plugin, &asked));
            read.await?.page(&frame)
        }
        wrong => {
            let fault = wrong.err();
            let read = caller.read(move |view| choose::Plugins::read(view, asked, fault));
            read.await?.page()
        }
    };
    Ok(frame.page(TITLE, &content))
}

fn form(view: &View, handler: PluginName, asked: &Asked) -> Result<Form, StoreError> {
    let meant = meant(view, &asked.devices)?;
    Ok(Form {
        known: Known::of(view, &handler, &meant)?,
        handler,
        meant,
        way: asked.way.clone(),
        plain: asked.plain,
        written: Written::of(&asked.arguments, asked.way.as_deref()),
        faults: Vec::new(),
    })
}

fn meant(view: &View, devices: &[DeviceId]) -> Result<Vec<Meant>, StoreError> {
    devices.iter().map(|id| Meant::of(view, *id)).collect()
}

/// Writes a draft down, or shows the form again as it was filled in.
pub(crate) async fn draft(submitted: Submitted<Operator>) -> Result<Response, Refusal> {
    let frame = submitted.frame().part(Part::Actions);
    let named = |reason: String| Refusal::Field(Box::new(submitted.frame()), reason);
    let handler: PluginName = submitted
        .field("handler")
        .parse()
        .map_err(|error| named(format!("{error}")))?;
    let devices = submitted.field("devices").split_whitespace();
    let devices: Result<Vec<DeviceId>, String> = devices.map(str::parse).collect();
    let devices = devices.map_err(named)?;
    let read = {
        let (handler, devices) = (handler.clone(), devices.clone());
        submitted.read(move |view| {
            let meant = meant(view, &devices)?;
            Ok((Known::of(view, &handler, &meant)?, meant))
        })
    };
    let (known, meant) = read.await?;
    let mut form = Form {
        handler,
        meant,
        known,
        way: Some(submitted.field("way").to_owned()).filter(|way| !way.is_empty()),
        plain: submitted.raw("arguments").is_some(),
        written: written(&submitted),
        faults: Vec::new(),
    };
    let arguments = arguments(&mut form);
    let expires = form.written.expires.trim().parse::<Span>();
    if expires.is_err() {
        let reason = "This is no span of time: a whole number and s, min, h or d, like 2 h.";
        form.faults.push((Place::Expires, reason.to_owned()));
    }
    let (Some(arguments), Ok(expires)) = (arguments, expires) else {
        return Ok(again(&frame, &form, StatusCode::BAD_REQUEST));
    };
    let draft = Draft {
        draft: 1,
        id: fresh_id().map_err(|error| named(error.to_string()))?,
        audience: Audience::Devices(devices),
        handler: form.handler.clone(),
        order: Order::Run { arguments },
        expires_in_s: expires.get().as_secs(),
    };
    let id = draft.id;
    let (status, reason) = match submitted.draft(draft).await {
        Ok(()) => return Ok(Redirect::to(&format!("/actions/{id}")).into_response()),
        Err(PostError::Refused(reason)) => (StatusCode::BAD_REQUEST, reason),
        Err(PostError::Unavailable(reason)) => (
            StatusCode::SERVICE_UNAVAILABLE,
            format!("It could not be stored: {reason}. Send it once more."),
        ),
    };
    form.faults.push((Place::Whole, reason));
    Ok(again(&frame, &form, status))
}

fn again(frame: &Frame, form: &Form, status: StatusCode) -> Response {
    let title = format!("To be corrected: {TITLE}");
    (status, frame.page(&title, &form.page(frame))).into_response()
}

fn written(submitted: &Submitted<Operator>) -> Written {
    let arguments = submitted.fields().filter_map(|(name, value)| {
        let name = name.strip_prefix(ARGUMENT)?;
        Some((name.to_owned(), value.to_owned()))
    });
    let json = submitted.raw("arguments").unwrap_or_default();
    Written {
        arguments: arguments.collect(),
        json: json.to_owned(),
        expires: submitted.raw("expires").unwrap_or_default().to_owned(),
    }
}

/// The text of the arguments; none if something is wrong with them, which is then said in
/// the form.
fn arguments(form: &mut Form) -> Option<String> {
    if form.plain {
        let object = serde_json::from_str::<Map<String, Value>>(&form.written.json);
        return match object {
            Ok(_) => Some(form.written.json.trim().to_owned()),
            Err(error) => {
                let reason = format!("This is no JSON object: {error}.");
                form.faults.push((Place::Json, reason));
                None
            }
        };
    }
    let Some(fields) = form.fields() else {
        changed(form);
        return None;
    };
    let asked = |name: &str| fields.iter().any(|field| field.name == name);
    let lost = form.written.arguments.iter();
    let lost = lost.filter(|(name, text)| !asked(name) && !text.trim().is_empty());
    let mut faults: Vec<(Place, String)> = lost
        .map(|(name, text)| {
            let reason = format!("`{name}` is not taken any more. There was written: {text}");
            (Place::Whole, reason)
        })
        .collect();
    let Known::Form(takes) = &form.known else {
        return None;
    };
    let written = |name: &str| form.written.argument(name).map(ToOwned::to_owned);
    let filled = takes.fill(form.way.as_deref(), written);
    let filled = filled.map_err(|wrong| {
        let wrong = wrong
            .into_iter()
            .map(|fault| (Place::Argument(fault.of), fault.reason));
        faults.extend(wrong);
    });
    let is_whole = faults.is_empty();
    form.faults.append(&mut faults);
    filled.ok().filter(|_| is_whole)
}

/// What the handler takes is not what it was when the form was made: what was written is
/// handed back as JSON.
fn changed(form: &mut Form) {
    let written = form.written.arguments.iter();
    let written = written.filter(|(_, text)| !text.trim().is_empty());
    let object: Map<String, Value> = written
        .map(|(name, text)| (name.clone(), Value::from(text.as_str())))
        .collect();
    form.written.json = serde_json::to_string_pretty(&object).unwrap_or_default();
    form.plain = true;
    let reason = "What the plugin takes has changed since the form was made. What was written \
                  is here as JSON.";
    form.faults.push((Place::Whole, reason.to_owned()));
}
