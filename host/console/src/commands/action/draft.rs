//! Drafts.

use std::{path::Path, time::Duration};

use anyhow::Context as _;
use bailiwick_core::{
    action::{Audience, Order},
    ids::{DeviceId, GroupName, PluginName},
};

use super::write;
use crate::{
    actions::{Draft, fresh_id},
    cli_action::{Cancel, Draft as Arguments, Meant},
    clock,
};

pub(super) fn draft(arguments: &Arguments) -> anyhow::Result<()> {
    let ms = |span: bailiwick_core::time::Span| {
        u64::try_from(span.get().as_millis()).unwrap_or(u64::MAX)
    };
    let order = match (&arguments.arguments, arguments.every, arguments.lasting) {
        (Some(text), _, _) => Order::Run {
            arguments: text.clone(),
        },
        (None, Some(every), Some(lasting)) => Order::Rate {
            every_ms: ms(every),
            for_ms: ms(lasting),
        },
        _ => anyhow::bail!("say what is to be done with --arguments, or with --every and --for"),
    };
    let out = arguments.out.as_deref();
    finish(order, arguments.handler.clone(), &arguments.meant, out)
}

pub(super) fn cancel(arguments: &Cancel) -> anyhow::Result<()> {
    let order = Order::Cancel {
        action: arguments.action,
    };
    let out = arguments.out.as_deref();
    finish(order, arguments.handler.clone(), &arguments.meant, out)
}

fn finish(
    order: Order,
    handler: PluginName,
    meant: &Meant,
    out: Option<&Path>,
) -> anyhow::Result<()> {
    let audience = audience(meant.group.as_ref(), &meant.device);
    let draft = compose(order, handler, audience, meant.expires_in.get())?;
    let mut text = serde_json::to_vec_pretty(&draft)?;
    text.push(b'\n');
    write(out, &text)?;
    let id = draft.id;
    eprintln!("drafted {id}: sign it with `bailiwick-console action sign`");
    Ok(())
}

/// The group if one is named, or else the devices.
pub(super) fn audience(group: Option<&GroupName>, devices: &[DeviceId]) -> Audience {
    match group {
        Some(group) => Audience::Group(group.clone()),
        None => Audience::Devices(devices.to_vec()),
    }
}

/// A new draft that can be signed. It may begin within `expires_in` of its signature.
pub(super) fn compose(
    order: Order,
    handler: PluginName,
    audience: Audience,
    expires_in: Duration,
) -> anyhow::Result<Draft> {
    let draft = Draft {
        draft: 1,
        id: fresh_id()?,
        audience,
        handler,
        order,
        expires_in_s: expires_in.as_secs(),
    };
    draft
        .check(clock::now())
        .context("it can't be signed like this")?;
    Ok(draft)
}
