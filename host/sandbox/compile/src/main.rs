//! The program `bailiwick-compile`: a component in, an artifact out. See `--help`.

use std::{io::Write as _, process::ExitCode};

use bailiwick_compile::{
    arguments::{self, HELP, Request},
    component, confine,
    exit::Failure,
    probe,
};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // A reason can hold names that the component chose.
            let text: String = failure.to_string().escape_debug().collect();
            let text = text.replace("\\'", "'").replace("\\\"", "\"");
            // Standard error may be closed; the exit status still tells.
            let _ = writeln!(std::io::stderr(), "{text}");
            ExitCode::from(failure.code())
        }
    }
}

fn run() -> Result<(), Failure> {
    let arguments = std::env::args_os()
        .skip(1)
        .map(|argument| argument.to_string_lossy().into_owned());
    let artifact = match arguments::read(arguments)? {
        Request::Help => HELP.as_bytes().to_vec(),
        Request::Probe(name, _) if name == "list" => probe::list().into_bytes(),
        Request::Probe(name, limits) => {
            let text = probe::text(&name)?;
            confine::confine(&limits)?;
            component::compile_text(text)?
        }
        Request::Input(limits) => {
            confine::confine(&limits)?;
            let component = component::read(std::io::stdin().lock(), limits.component)?;
            component::compile(&component)?
        }
    };
    write(&artifact)
}

fn write(bytes: &[u8]) -> Result<(), Failure> {
    let mut output = std::io::stdout().lock();
    output
        .write_all(bytes)
        .and_then(|()| output.flush())
        .map_err(|reason| Failure::Stream {
            stream: "output",
            reason,
        })
}
