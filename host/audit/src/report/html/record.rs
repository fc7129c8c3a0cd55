//! The parts of the page about what plugins really did.

use maud::{Markup, html as page};

use super::super::Report;
use crate::{
    Subject,
    record::{Deed, Deeds, Record},
    visible::visible,
    words,
};

/// Denials and effects of one plugin on the page, each; it is for reading.
const TOLD: usize = 100;

/// What one version did.
pub(super) fn section(report: &Report, subject: &Subject) -> Markup {
    page! {
        h3 { "What it really did" }
        @match (report.deeds(subject), &report.record) {
            (Some(deeds), _) if ran(deeds, subject) => { (did(deeds)) (turned_down_of(deeds, subject)) },
            (Some(deeds), _) => {
                p { "No device of the record ran this version." }
                (turned_down_of(deeds, subject))
            },
            (None, Some(_)) => { p { "The record tells nothing of it: no device of it ran this plugin." } },
            (None, None) => { p.quiet { "Not known: no record of a device was read (--record)." } },
        }
    }
}

/// Whether the record tells of this version; of a plugin without one it does.
fn ran(deeds: &Deeds, subject: &Subject) -> bool {
    let release = subject.release.as_ref();
    match release {
        Some(release) => deeds.versions.contains(&release.version.to_string()),
        None => !deeds.versions.is_empty(),
    }
}

/// Whether it is the version of the subject that was not taken.
fn is_of(deed: &Deed, subject: &Subject) -> bool {
    let release = subject.release.as_ref();
    release.is_none_or(|release| deed.call == release.version.to_string())
}

fn turned_down_of(deeds: &Deeds, subject: &Subject) -> Markup {
    let of = deeds.turned_down.iter().filter(|deed| is_of(deed, subject));
    turned_down(&of.cloned().collect::<Vec<_>>())
}

/// That devices did not take versions, and why.
fn turned_down(deeds: &[Deed]) -> Markup {
    page! { @if !deeds.is_empty() { (table("Version that devices did not take", "Why", deeds, 0)) } }
}

/// The same in a few words.
pub(super) fn brief(deeds: Option<&Deeds>, subject: &Subject) -> Markup {
    let refused = deeds.is_some_and(|deeds| deeds.turned_down.iter().any(|it| is_of(it, subject)));
    let Some(deeds) = deeds.filter(|deeds| ran(deeds, subject)) else {
        return page! {
            span.quiet { "did not run" }
            @if refused { br; span.warning { "devices did not take it" } }
        };
    };
    let effects = total(&deeds.effects, deeds.more_effects);
    let denials = total(&deeds.denials, deeds.more_denials);
    page! {
        @if effects > 0 { "changed something " (effects) "×" }
        @if effects > 0 && denials > 0 { br; }
        @if denials > 0 { span.warning { "refused " (denials) "×" } }
        @if effects == 0 && denials == 0 { span.good { "nothing refused, nothing changed" } }
    }
}

fn total(deeds: &[Deed], more: u64) -> u64 {
    let told = deeds.iter().map(|deed| deed.count);
    told.fold(more, u64::saturating_add)
}

fn did(deeds: &Deeds) -> Markup {
    page! {
        p { (visible(&words::record(deeds))) "." }
        (table("What changed something outside of it", "What came of it", &deeds.effects, deeds.more_effects))
        (table("What it was refused", "Why", &deeds.denials, deeds.more_denials))
    }
}

fn table(heading: &str, outcome: &str, deeds: &[Deed], more: u64) -> Markup {
    let rest: u64 = deeds.iter().skip(TOLD).map(|deed| deed.count).sum();
    let more = rest.saturating_add(more);
    page! {
        @if deeds.is_empty() && more == 0 {
            p { (heading) ": " span.good { "nothing" } "." }
        } @else {
            table {
                thead { tr { th.wide-left { (heading) } th { (outcome) } th { "How often" } th { "Devices" } th { "Last" } } }
                tbody { @for deed in deeds.iter().take(TOLD) { (row(deed)) } }
            }
            @if more > 0 { p { (more) " more that are not told one by one." } }
        }
    }
}

fn row(deed: &Deed) -> Markup {
    page! {
        tr {
            td.file { (visible(&deed.call)) }
            td {
                (visible(&deed.outcome))
                @if !deed.allowed_by.is_empty() { br; span.quiet { "allowed by " (visible(&deed.allowed_by.join("; "))) } }
            }
            td.narrow { (deed.count) }
            td.narrow { (deed.devices.len()) }
            td.narrow { (words::minute(deed.last)) }
        }
    }
}

/// Plugins of which the record tells and nothing else.
pub(super) fn strangers(report: &Report) -> Markup {
    page! {
        @for (plugin, deeds) in report.strangers() {
            h2 { (visible(plugin)) }
            @if deeds.versions.is_empty() {
                p { "No device of the record ran it, and no policy of it was named." }
            } @else {
                p.error { "Devices ran it, and no policy of it was named: what it may do is not told here." }
                h3 { "What it really did" }
                (did(deeds))
            }
            (turned_down(&deeds.turned_down))
        }
    }
}

/// The devices whose logs were read.
pub(super) fn devices(record: &Record) -> Markup {
    page! {
        h2 { "Whose logs were read" }
        p.quiet.file { (visible(&record.folder)) }
        table {
            thead { tr { th { "Device" } th { "From" } th { "To" } th { "Entries" } th.wide-left { "Head of the log" } th { "Agrees with the console" } } }
            tbody {
                @for device in &record.devices {
                    tr {
                        td.file { (device.device.to_string()) }
                        td.narrow { (words::minute(device.first)) }
                        td.narrow { (words::minute(device.last)) }
                        td.narrow {
                            (device.entries)
                            @if let Some(until) = device.made_room { br; span.quiet { "those up to " (until) " made room" } }
                        }
                        td.file { @if let Some(head) = device.head { (head.to_string()) } @else { "none" } }
                        td.narrow { @if device.is_held { "yes" } @else { "no head was named" } }
                    }
                }
            }
        }
    }
}
