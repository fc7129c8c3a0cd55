//! The compiler, as the privileged process starts it.

use std::{io, sync::Arc};

use bailiwick_device::Privileged;
use bailiwick_sandbox::compile::{ChildLimits, StartCompiler, Started};
use tokio::process::{ChildStderr, ChildStdin, ChildStdout};

/// Asks the privileged process for each compiler.
#[derive(Debug)]
pub(crate) struct CompilerApart(pub(crate) Arc<Privileged>);

impl StartCompiler for CompilerApart {
    fn start(&self, limits: &ChildLimits, probe: Option<&str>) -> io::Result<Started> {
        let compiler = self.0.compiler(
            limits.memory.get(),
            limits.component.get(),
            limits.cpu_seconds(),
            probe,
        )?;
        Ok(Started {
            input: ChildStdin::from_std(compiler.input)?,
            output: ChildStdout::from_std(compiler.output)?,
            errors: ChildStderr::from_std(compiler.errors)?,
            ended: Box::pin(compiler.end.wait()),
        })
    }
}
