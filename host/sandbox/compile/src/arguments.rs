//! The command line. Four options do not need a parser of half a megabyte.

use bailiwick_core::bytes::ByteCount;

use crate::exit::Failure;

/// What `--help` prints.
pub const HELP: &str = "\
Compiles one WebAssembly component for this machine.

Usage: bailiwick-compile [OPTIONS] < component.wasm | cat > artifact

Reads the component on standard input and writes the compiled artifact on standard
output. Neither that nor standard error may be a file: before it reads the first byte the
program gives up the right to write files, to open anything, to use the network and to
start programs (on Linux; elsewhere only --max-component is enforced). The agent starts it; there is
rarely a reason to do so by hand.

Options:
  --probe NAME             Compile a component of our own that proves a limit, instead of
                           standard input. `--probe list` names them.
  --max-component SIZE     Longest component that is read [default: 64 MiB]
  --memory SIZE            Address space it may use [default: 1 GiB]
  --cpu SECONDS            Processor time it may use [default: 60]
  --help                   Print this.

A SIZE is a whole number and a unit: `64 MiB`, `10 MB`.

Exit status:
  0  the artifact was written
  1  the component was refused; the reason is on standard error
  2  the arguments make no sense
  3  it could not give up its rights, so it did not begin
  4  the memory was used up
  5  standard input or output failed
A signal means that it passed a limit (SIGXCPU: processor time) or crashed.
";

/// Bounds of one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest component that is read.
    pub component: ByteCount,
    /// Address space, in all.
    pub memory: ByteCount,
    /// Processor time, in seconds.
    pub cpu_seconds: u64,
}

impl Default for Limits {
    /// 64 MiB and 1 GiB let a component pass that brings a JavaScript or Python
    /// interpreter (18 MB, about 310 MB resident, 11 s); 60 s leave a slow device time.
    fn default() -> Self {
        Self {
            component: ByteCount::mib(64),
            memory: ByteCount::mib(1024),
            cpu_seconds: 60,
        }
    }
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Print [`HELP`].
    Help,
    /// Compile what is on standard input.
    Input(Limits),
    /// Compile the probe of this name, or print the names for `list`.
    Probe(String, Limits),
}

/// Reads the arguments, the program's name not among them.
///
/// # Errors
///
/// [`Failure::Usage`], naming the argument.
pub fn read(arguments: impl IntoIterator<Item = String>) -> Result<Request, Failure> {
    let mut arguments = arguments.into_iter();
    let mut limits = Limits::default();
    let mut probe = None;
    while let Some(name) = arguments.next() {
        if matches!(name.as_str(), "--help" | "-h") {
            return Ok(Request::Help);
        }
        let mut value = || {
            arguments
                .next()
                .ok_or_else(|| Failure::Usage(format!("`{name}` takes a value")))
        };
        match name.as_str() {
            "--probe" => probe = Some(value()?),
            "--max-component" => limits.component = size(&name, &value()?)?,
            "--memory" => limits.memory = size(&name, &value()?)?,
            "--cpu" => limits.cpu_seconds = seconds(&name, &value()?)?,
            _ => return Err(Failure::Usage(format!("`{name}` is not an option"))),
        }
    }
    Ok(match probe {
        Some(probe) => Request::Probe(probe, limits),
        None => Request::Input(limits),
    })
}

fn size(name: &str, text: &str) -> Result<ByteCount, Failure> {
    let size: ByteCount = text
        .parse()
        .map_err(|error| Failure::Usage(format!("{name}: {error}")))?;
    if size.get() == 0 {
        return Err(Failure::Usage(format!("{name}: 0 bytes are too few")));
    }
    Ok(size)
}

fn seconds(name: &str, text: &str) -> Result<u64, Failure> {
    // 0 would be read by Linux as 1.
    text.parse()
        .ok()
        .filter(|seconds| *seconds > 0)
        .ok_or_else(|| {
            Failure::Usage(format!(
                "{name}: `{text}` is not a whole number of seconds above 0"
            ))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(line: &[&str]) -> Result<Request, String> {
        read(line.iter().map(|part| (*part).to_owned())).map_err(|error| error.to_string())
    }

    #[test]
    fn nothing_means_standard_input_with_the_default_limits() {
        assert_eq!(request(&[]), Ok(Request::Input(Limits::default())));
    }

    #[test]
    fn each_option_sets_its_limit() {
        let line = [
            "--max-component",
            "1 MiB",
            "--memory",
            "2 GiB",
            "--cpu",
            "7",
            "--probe",
            "deadline",
        ];
        let limits = Limits {
            component: ByteCount::mib(1),
            memory: ByteCount::mib(2048),
            cpu_seconds: 7,
        };
        assert_eq!(
            request(&line),
            Ok(Request::Probe("deadline".to_owned(), limits))
        );
    }

    #[test]
    fn refuses_what_it_does_not_know_and_names_it() {
        for (line, named) in [
            (&["--fast"][..], "`--fast`"),
            (&["x.wasm"], "`x.wasm`"),
            (&["--memory"], "`--memory` takes"),
            (&["--memory", "12"], "`12`"),
            (&["--memory", "0 B"], "--memory"),
            (&["--cpu", "0"], "`0`"),
            (&["--cpu", "-1"], "`-1`"),
        ] {
            let error = request(line).expect_err(named);
            assert!(error.contains(named), "{error}");
        }
    }
}
