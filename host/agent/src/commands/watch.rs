//! `bailiwick plugin list --watch`: the table of the plugins, as long as somebody looks.
//!
//! On a terminal it stays in its place. Elsewhere a plugin has a new line whenever something
//! about it is different, and with `--json` the whole answer has one.

use std::{
    collections::BTreeMap,
    io::{self, IsTerminal as _, Write},
    process::ExitCode,
    time::Duration,
};

use anyhow::bail;
use tokio::signal;

use super::{PATIENCE, socket_path};
use crate::{
    cli::Common,
    print,
    socket::{self, PluginLine, Request, Response},
};

/// From one look to the next. The agent is asked only as long as this runs.
const EVERY: Duration = Duration::from_secs(1);

/// Shows the plugins until Ctrl-C, or until nobody reads.
///
/// # Errors
/// No agent answers, or it refused.
pub(crate) async fn plugins(common: &Common) -> anyhow::Result<ExitCode> {
    let path = socket_path(common)?;
    let mut shown = Shown::new(common.json);
    let watching = async {
        loop {
            let answer = socket::ask(&path, Request::Plugins {}, PATIENCE).await?;
            if let Response::Refused { reason } = &answer {
                bail!("{reason}");
            }
            // Nobody may be reading any more: then there is nothing left to do.
            if shown.show(&answer, &mut io::stdout().lock()).is_err() {
                return Ok(());
            }
            tokio::time::sleep(EVERY).await;
        }
    };
    tokio::select! {
        ended = watching => ended?,
        interrupted = signal::ctrl_c() => interrupted?,
    }
    Ok(ExitCode::SUCCESS)
}

/// What was shown last.
enum Shown {
    /// So many lines, in their place.
    Table(usize),
    /// The row of each plugin.
    Rows(BTreeMap<String, String>),
    /// The whole answer.
    Json(String),
}

impl Shown {
    fn new(json: bool) -> Self {
        if json {
            Self::Json(String::new())
        } else if io::stdout().is_terminal() && size_of_screen().is_some() {
            Self::Table(0)
        } else {
            Self::Rows(BTreeMap::new())
        }
    }

    fn show(&mut self, answer: &Response, out: &mut impl Write) -> io::Result<()> {
        let none: &[PluginLine] = &[];
        let plugins = match answer {
            Response::Plugins { plugins } => plugins,
            _ => none,
        };
        match self {
            Self::Json(last) => {
                let line = serde_json::to_string(answer)?;
                if line != *last {
                    writeln!(out, "{line}")?;
                    *last = line;
                }
            }
            Self::Rows(last) => {
                let table = print::table(plugins);
                if last.is_empty() {
                    writeln!(out, "{}", table[0])?;
                }
                last.retain(|name, _| plugins.iter().any(|it| it.plugin.as_str() == name));
                for (plugin, row) in plugins.iter().zip(&table[1..]) {
                    let before = last.insert(plugin.plugin.to_string(), row.clone());
                    if before.as_ref() != Some(row) {
                        writeln!(out, "{row}")?;
                    }
                }
            }
            Self::Table(lines) => {
                let screen = size_of_screen().unwrap_or(Screen::USUAL);
                let table = screen.cut(print::table(plugins));
                out.write_all(in_place(*lines, &table).as_bytes())?;
                *lines = table.len();
            }
        }
        out.flush()
    }
}

/// `table` where the last one stood, which had so many lines (ECMA-48: CUU, EL, ED).
fn in_place(lines_before: usize, table: &[String]) -> String {
    let mut frame = match lines_before {
        0 => String::new(),
        lines => format!("\u{1b}[{lines}A"),
    };
    for line in table {
        frame.push_str("\u{1b}[2K");
        frame.push_str(line);
        frame.push('\n');
    }
    frame.push_str("\u{1b}[J");
    frame
}

/// How much there is room for.
#[derive(Clone, Copy, Debug)]
struct Screen {
    lines: usize,
    columns: usize,
}

impl Screen {
    const USUAL: Self = Self {
        lines: 24,
        columns: 80,
    };

    /// What fits: a line that broke, or one beyond the last, would stay when the next table
    /// comes.
    fn cut(self, mut table: Vec<String>) -> Vec<String> {
        let room = self.lines.saturating_sub(1).max(2);
        if table.len() > room {
            let left = table.len() - (room - 1);
            table.truncate(room - 1);
            table.push(format!("and {left} more: this window is not high enough"));
        }
        for line in &mut table {
            if let Some((end, _)) = line.char_indices().nth(self.columns) {
                line.truncate(end);
            }
        }
        table
    }
}

/// That of the terminal; none where it does not say, or would show the commands that keep a
/// table in its place.
#[cfg(unix)]
fn size_of_screen() -> Option<Screen> {
    if std::env::var_os("TERM").is_none_or(|term| term == "dumb") {
        return None;
    }
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
    let (lines, columns) = (usize::from(size.ws_row), usize::from(size.ws_col));
    (lines > 0 && columns > 0).then_some(Screen { lines, columns })
}

#[cfg(not(unix))]
fn size_of_screen() -> Option<Screen> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn a_table_takes_the_place_of_the_last_one() {
        let table = lines(&["A", "b"]);
        assert_eq!(in_place(0, &table), "\u{1b}[2KA\n\u{1b}[2Kb\n\u{1b}[J");
        assert!(in_place(7, &table).starts_with("\u{1b}[7A\u{1b}[2KA"));
    }

    #[test]
    fn what_has_no_room_is_left_out_and_told() {
        let screen = Screen {
            lines: 4,
            columns: 3,
        };
        let table = lines(&["PLUGIN", "bär", "ärgern", "x"]);
        let screen = |columns| Screen { columns, ..screen }.cut(table.clone());
        assert_eq!(screen(3), ["PLU", "bär", "and"]);
        assert_eq!(screen(80)[2], "and 2 more: this window is not high enough");
        let all = Screen::USUAL.cut(table.clone());
        assert_eq!(all, table);
    }

    #[test]
    fn elsewhere_only_what_is_different_has_a_new_line() {
        let answer = |plugins: &str| -> Response {
            serde_json::from_str(&format!(r#"{{"answer":"plugins","plugins":[{plugins}]}}"#))
                .unwrap()
        };
        let plugin = |name: &str, calls: u64| {
            format!(
                r#"{{"plugin":"{name}","vendor":"acme","version":"1.0.0","generation":1,
                "state":"running","next":null,"timing":{{"calls":0,"asked":0,"failed":0,
                "missed":0,"last-late-us":0,"longest-late-us":0}},"since":5,"grants":[],
                "remark":"","limits":{{"memory-bytes":1,"deadline-ms":1,"cpu-per-mille":1,
                "cpu-window-ms":1,"output-bytes":1,"host-calls":1,"log-lines":1,
                "state-bytes":1}},"figures":{{"calls":{calls},"traps":0,"host-calls":0,
                "denials":0,"cpu-us":0,"memory-high-bytes":0,"out-bytes":0,
                "log-lines-dropped":0}}}}"#
            )
        };
        let told = |shown: &mut Shown, plugins: String| {
            let mut out = Vec::new();
            shown.show(&answer(&plugins), &mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        let both = |calls| format!("{},{}", plugin("a", 1), plugin("b", calls));
        let mut rows = Shown::Rows(BTreeMap::new());
        assert_eq!(told(&mut rows, both(1)).lines().count(), 3);
        assert_eq!(told(&mut rows, both(1)), "");
        let changed = told(&mut rows, both(2));
        assert!(changed.starts_with("b ") && changed.lines().count() == 1);
        // One that was gone meanwhile is told anew.
        assert_eq!(told(&mut rows, plugin("a", 1)), "");
        assert_eq!(told(&mut rows, both(2)).lines().count(), 1);
        let mut json = Shown::Json(String::new());
        assert_eq!(told(&mut json, both(1)).lines().count(), 1);
        assert_eq!(told(&mut json, both(1)), "");
        let line = told(&mut json, both(2));
        let read: Response = serde_json::from_str(&line).unwrap();
        assert_eq!(read, answer(&both(2)));
    }
}
