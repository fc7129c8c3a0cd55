//! `bailiwick audit` and `bailiwick policy`: what is judged at a desk is the work of another
//! program, so that this one stays small.

use std::{
    ffi::{OsStr, OsString},
    io,
    path::Path,
    process::{Command, ExitCode},
};

/// The program, beside this one.
const PROGRAM: &str = "bailiwick-audit";

/// As [`PROGRAM`] ends where it could not judge; 1 would say that it found something.
const NOT_JUDGED: u8 = 2;

/// Starts [`PROGRAM`] with `command`, if one is named, and `arguments`, and ends as it does.
pub(crate) fn hand_over(command: Option<&str>, arguments: &[OsString]) -> ExitCode {
    let started = std::env::current_exe().map(|this| this.with_file_name(PROGRAM));
    let reason = match started {
        Ok(program) => match start(&program, command, arguments) {
            Ok(code) => return code,
            Err(error) => refusal(&program, &error),
        },
        Err(error) => format!("the folder of this program is not known: {error}"),
    };
    eprintln!("error: {reason}");
    ExitCode::from(NOT_JUDGED)
}

fn start(program: &Path, command: Option<&str>, arguments: &[OsString]) -> io::Result<ExitCode> {
    let arguments = arguments.iter().map(OsString::as_os_str);
    let status = Command::new(program)
        .args(command.map(OsStr::new).into_iter().chain(arguments))
        .status()?;
    // A signal ended it: nothing is judged.
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(ExitCode::from(code.unwrap_or(NOT_JUDGED)))
}

fn refusal(program: &Path, error: &io::Error) -> String {
    let program = program.display();
    if error.kind() == io::ErrorKind::NotFound {
        format!(
            "{program} is not installed: it judges policies and components, and comes apart from \
             this program, since not every device needs it. Install the package \
             bailiwick-audit-cli, or put the program there"
        )
    } else {
        format!("{program} can't be started: {error}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_it_is_missing_what_to_install_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join(PROGRAM);
        let error = start(&program, None, &[]).unwrap_err();
        let told = refusal(&program, &error);
        assert!(told.contains("is not installed"), "{told}");
        assert!(told.contains("bailiwick-audit-cli"), "{told}");
    }

    #[cfg(unix)]
    #[test]
    fn arguments_and_the_end_are_handed_over() {
        let shell = Path::new("/bin/sh");
        let arguments = ["-c", "exit $1", "sh", "7"].map(OsString::from);
        let code = start(shell, None, &arguments).unwrap();
        assert_eq!(format!("{code:?}"), format!("{:?}", ExitCode::from(7)));
        let killed = ["-c", "kill -9 $$"].map(OsString::from);
        let code = start(shell, None, &killed).unwrap();
        assert_eq!(
            format!("{code:?}"),
            format!("{:?}", ExitCode::from(NOT_JUDGED))
        );
        let code = start(shell, Some("-c"), &[OsString::from("exit 5")]).unwrap();
        assert_eq!(format!("{code:?}"), format!("{:?}", ExitCode::from(5)));
    }
}
