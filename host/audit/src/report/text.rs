//! An audit for a terminal.

use std::fmt::Write as _;

use super::{Judged, Report, counted, grounds, title};
use crate::{
    Finding, Level,
    record::{Deed, Deeds},
    visible::visible,
    words,
};

/// Denials and effects of a plugin that are told in a terminal; the page has all.
const TOLD: usize = 10;

/// Lines without colours. What others chose can add no line and move no cursor.
pub fn text(report: &Report) -> String {
    let mut text = String::new();
    // Writing to a String can't fail.
    let _ = write(&mut text, report);
    text
}

fn write(text: &mut String, report: &Report) -> std::fmt::Result {
    let plugins = counted(report.judged.len(), "plugin");
    let findings = counted(report.findings().count(), "finding");
    writeln!(text, "Audit as of {}", words::minute(report.at))?;
    writeln!(
        text,
        "{plugins}, {findings}: {}, {}; {} not judged",
        counted(report.count(Level::Error), "error"),
        counted(report.count(Level::Warning), "warning"),
        report.unjudged.len()
    )?;
    for line in grounds(report) {
        writeln!(text, "{}", visible(&line))?;
    }
    for judged in &report.judged {
        writeln!(text)?;
        subject(text, judged)?;
        if let Some(deeds) = report.deeds(&judged.subject) {
            did(text, deeds)?;
        } else if report.record.is_some() {
            writeln!(text, "  record     tells nothing of it")?;
        }
    }
    for (plugin, deeds) in report.strangers() {
        writeln!(text, "\n{}: no policy of it was named", visible(plugin))?;
        did(text, deeds)?;
    }
    refused(text, report)?;
    if !report.unjudged.is_empty() {
        writeln!(text, "\nNot judged")?;
        for unjudged in &report.unjudged {
            let place = unjudged.place.to_string();
            writeln!(text, "  {}: {}", visible(&place), visible(&unjudged.reason))?;
        }
    }
    Ok(())
}

fn refused(text: &mut String, report: &Report) -> std::fmt::Result {
    let refused: Vec<_> = report.refused().collect();
    if !refused.is_empty() {
        writeln!(text, "\nRefused by approvers")?;
    }
    refused.into_iter().try_for_each(|it| {
        writeln!(
            text,
            "  {} {} of {}: {}\n    SHA-256 of the component {}",
            it.plugin,
            it.version,
            it.vendor,
            visible(&it.to_string()),
            it.component_sha256
        )
    })
}

fn subject(text: &mut String, judged: &Judged) -> std::fmt::Result {
    let subject = &judged.subject;
    let found = match judged.findings.len() {
        0 => "nothing found".to_owned(),
        found => counted(found, "finding"),
    };
    writeln!(text, "{}: {found}", visible(&title(subject)))?;
    match &subject.policy {
        Some(policy) => writeln!(text, "  policy     {}", visible(policy.file()))?,
        None => writeln!(text, "  policy     none")?,
    }
    match &subject.component {
        Some(component) => writeln!(text, "  component  {}", visible(&component.file))?,
        None => writeln!(
            text,
            "  component  none was named: the policy alone was judged"
        )?,
    }
    if let Some(release) = &subject.release {
        let keys = release.signed_by.join(", ");
        writeln!(
            text,
            "  published  by {} ({})",
            visible(&release.role),
            visible(&keys)
        )?;
        let assigned = release.assigned.as_deref().unwrap_or("to no device");
        writeln!(text, "  assigned   {}", visible(assigned))?;
        if let Some(why) = &release.forbidden {
            writeln!(text, "  forbidden  no device runs it: {}", visible(why))?;
        }
        if let Some(changes) = &release.changes {
            writeln!(text, "  changes    compared with {}:", changes.from)?;
            if changes.told().next().is_none() {
                writeln!(text, "    nothing that it may do or asks for")?;
            }
            for (word, line) in changes.told() {
                writeln!(text, "    {word}: {}", visible(line))?;
            }
        }
    }
    judged
        .findings
        .iter()
        .try_for_each(|found| finding(text, found))
}

fn did(text: &mut String, deeds: &Deeds) -> std::fmt::Result {
    writeln!(text, "  record     {}", words::record(deeds))?;
    for (what, deeds, more) in [
        ("not taken", &deeds.turned_down, 0),
        ("refused", &deeds.denials, deeds.more_denials),
        ("did", &deeds.effects, deeds.more_effects),
    ] {
        for deed in deeds.iter().take(TOLD) {
            self::deed(text, what, deed)?;
        }
        let rest: u64 = deeds.iter().skip(TOLD).map(|deed| deed.count).sum();
        if rest.saturating_add(more) > 0 {
            writeln!(text, "    {what}: {} more", rest.saturating_add(more))?;
        }
    }
    Ok(())
}

fn deed(text: &mut String, what: &str, deed: &Deed) -> std::fmt::Result {
    writeln!(
        text,
        "    {what} {}×, last {}: {} ({})",
        deed.count,
        words::minute(deed.last),
        visible(&deed.call),
        visible(&deed.outcome)
    )
}

fn finding(text: &mut String, finding: &Finding) -> std::fmt::Result {
    let Finding {
        rule,
        place,
        text: what,
    } = finding;
    writeln!(
        text,
        "  {} {} {}: {}",
        rule.id(),
        rule.level().name(),
        visible(&place.to_string()),
        visible(what)
    )?;
    writeln!(text, "    {}", rule.mend())
}
