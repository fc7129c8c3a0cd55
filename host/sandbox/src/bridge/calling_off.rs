//! Being called off, for calls that wait.

use crate::{action::Action, context::Context};

impl Context {
    /// Ends when the action at work is called off; never, if there is none: nobody can call off
    /// what is no action.
    pub(super) fn called_off(&self) -> impl Future<Output = ()> + Send + use<> {
        let called_off = self.action.as_ref().map(Action::cancelled);
        async {
            match called_off {
                Some(called_off) => called_off.await,
                None => std::future::pending().await,
            }
        }
    }
}
