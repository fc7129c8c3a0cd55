//! The applications that the device offers, from their desktop entries (Desktop Entry
//! Specification 1.5, freedesktop.org).

use bailiwick_sdk::files;

const FOLDER: &str = "/usr/share/applications";
/// Longest entry that is read, in bytes: translations make the longest some 50 KB.
const LONGEST: u64 = 256 << 10;
/// Most entries that are read: a desktop has one to three hundred.
const MOST: usize = 1_000;

/// What one desktop entry says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Application {
    /// Its file's name without `.desktop`.
    pub(crate) id: String,
    /// Its name, untranslated.
    pub(crate) name: String,
    /// The file's name of the program that it starts: rows of processes have it as their
    /// application, unless it is a script that starts another.
    pub(crate) program: String,
}

/// All that are shown to users; what can't be read is left out.
pub(crate) fn read() -> Vec<Application> {
    let entries = files::list(FOLDER).unwrap_or_default();
    let ids = entries
        .iter()
        .filter_map(|entry| entry.name.strip_suffix(".desktop"));
    ids.take(MOST)
        .filter_map(|id| {
            let path = format!("{FOLDER}/{id}.desktop");
            let text = files::read_text(&path, LONGEST).ok()?;
            parse(id, &text)
        })
        .collect()
}

/// None for what is no application, or is not shown.
pub(crate) fn parse(id: &str, text: &str) -> Option<Application> {
    let mut inside = false;
    let (mut name, mut program, mut kind) = (None, None, None);
    for line in text.lines().map(str::trim) {
        if let Some(group) = line.strip_prefix('[') {
            // The others are actions of it.
            inside = group.strip_suffix(']') == Some("Desktop Entry");
            continue;
        }
        let Some((key, value)) = line.split_once('=').filter(|_| inside) else {
            continue;
        };
        let value = value.trim_start();
        match key.trim_end() {
            "Name" => name = Some(value),
            "Exec" => program = Some(self::program(value)),
            "Type" => kind = Some(value),
            "NoDisplay" | "Hidden" if value == "true" => return None,
            _ => {}
        }
    }
    if kind != Some("Application") {
        return None;
    }
    Some(Application {
        id: id.to_owned(),
        name: name.filter(|name| !name.is_empty())?.to_owned(),
        program: program.unwrap_or_default(),
    })
}

/// The program's file name in a command: its first word that is neither `env` nor a
/// variable's value for it.
fn program(command: &str) -> String {
    let words = command
        .split_whitespace()
        .map(|word| word.trim_matches('"'));
    let file = |word: &str| word.rsplit('/').next().unwrap_or_default().to_owned();
    let mut words = words.skip_while(|word| file(word) == "env" || word.contains('='));
    words.next().map(file).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ENTRY: &str = "# a comment\n[Desktop Entry]\nType=Application\nName=Firefox\n\
                         Name[de]=Feuerfuchs\nExec=/usr/lib/firefox/firefox %u\n\
                         [Desktop Action new]\nName=New window\nExec=other\n";

    #[test]
    fn an_entry_is_read_without_translations_and_actions() {
        let expected = Application {
            id: "firefox".to_owned(),
            name: "Firefox".to_owned(),
            program: "firefox".to_owned(),
        };
        assert_eq!(parse("firefox", ENTRY), Some(expected));
    }

    #[test]
    fn what_is_hidden_or_no_application_is_none() {
        for (from, to) in [
            ("Type=Application", "Type=Link"),
            ("Type=Application\n", ""),
            ("Name=Firefox", "Name="),
            ("Name=Firefox", "NoDisplay=true"),
            ("Name=Firefox", "Name=Firefox\nHidden=true"),
            ("[Desktop Entry]", "[Other]"),
        ] {
            assert_eq!(parse("firefox", &ENTRY.replacen(from, to, 1)), None, "{to}");
        }
    }

    #[test]
    fn the_program_is_the_first_that_is_started() {
        for (command, expected) in [
            ("gimp-2.10 %U", "gimp-2.10"),
            ("env LANG=C /opt/x/run --fast", "run"),
            ("\"/opt/a\" b", "a"),
            ("", ""),
            ("env A=b", ""),
        ] {
            assert_eq!(program(command), expected, "{command}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_left_out(text in "\\PC{0,200}", id in "\\PC{0,20}") {
            let _ = parse(&id, &text);
        }
    }
}
