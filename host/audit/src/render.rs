//! An inspection in words.

use std::fmt::Write as _;

use bailiwick_core::{audit::Verdict, bytes::ByteCount};

use crate::{Inspection, Interface};

/// Text for a terminal, lines ended by `\n`, without colours. Everything that the
/// component chose is escaped: no name can add a line or move the cursor.
pub fn render(inspection: &Inspection, verdict: Option<&Verdict>) -> String {
    let mut text = String::new();
    // Writing to a String can't fail.
    let _ = summary(&mut text, inspection);
    let (wasi, own): (Vec<_>, Vec<_>) = inspection
        .imports
        .iter()
        .partition(|import| import.is_wasi());
    let _ = interfaces(&mut text, "Imports", &own);
    let _ = interfaces(&mut text, "Imports from WASI", &wasi);
    let _ = interfaces(
        &mut text,
        "Exports",
        &inspection.exports.iter().collect::<Vec<_>>(),
    );
    if let Some(verdict) = verdict {
        let _ = judgement(&mut text, verdict);
    }
    text
}

fn summary(text: &mut String, inspection: &Inspection) -> std::fmt::Result {
    let size = |bytes| ByteCount::new(bytes);
    writeln!(text, "Component  sha256 {}", inspection.sha256)?;
    writeln!(text, "Size       {}", size(inspection.bytes))?;
    let code: u64 = inspection.modules.iter().map(|module| module.bytes).sum();
    let modules = inspection.modules.len();
    write!(text, "Contains   {modules} core modules ({})", size(code))?;
    if inspection.nested_components > 0 {
        write!(text, ", {} components", inspection.nested_components)?;
    }
    writeln!(text)?;
    for memory in inspection
        .modules
        .iter()
        .flat_map(|module| &module.memories)
    {
        write!(text, "Memory     {} at the start, ", size(memory.minimum))?;
        match memory.maximum {
            Some(maximum) => writeln!(text, "at most {}", size(maximum))?,
            None => writeln!(text, "no bound of its own")?,
        }
    }
    for producer in &inspection.producers {
        let line = format!("{} {} ({})", producer.tool, producer.version, producer.role);
        writeln!(text, "Made with  {}", line.escape_debug())?;
    }
    Ok(())
}

fn interfaces(text: &mut String, title: &str, interfaces: &[&Interface]) -> std::fmt::Result {
    writeln!(text, "\n{title}")?;
    if interfaces.is_empty() {
        writeln!(text, "  none")?;
    }
    for interface in interfaces {
        writeln!(text, "  {}", interface.name.escape_debug())?;
        for function in &interface.functions {
            if *function != interface.name {
                writeln!(text, "    {}", function.escape_debug())?;
            }
        }
    }
    Ok(())
}

fn judgement(text: &mut String, verdict: &Verdict) -> std::fmt::Result {
    let refusals = verdict.refusals().count();
    match refusals {
        0 => writeln!(text, "\nVerdict    accepted")?,
        1 => writeln!(text, "\nVerdict    refused, for 1 reason")?,
        _ => writeln!(text, "\nVerdict    refused, for {refusals} reasons")?,
    }
    for finding in &verdict.findings {
        let mark = if finding.refuses() { "NO " } else { "ok " };
        let line: String = finding.to_string().escape_debug().collect();
        writeln!(text, "  {mark} {line}")?;
    }
    Ok(())
}
