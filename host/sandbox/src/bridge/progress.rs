//! `progress`: what a handler tells while it is at work. The world itself brings it, so no
//! grant is needed; each call counts as a host call all the same.

use std::time::Duration;

use bailiwick_core::{action::Progress, time::Monotonic};

use crate::{
    bindings::action_handler::bailiwick::plugin::progress::Host, context::Context,
    limits::Enforcer, text::one_line,
};

/// Longest line, in bytes.
const LINE: usize = 256;

/// Two words are at least so far apart: 4 a second.
const APART: Duration = Duration::from_millis(250);

/// Where the words of the action at work go. It must not wait.
pub type ProgressSink = Box<dyn FnMut(Progress) + Send + Sync>;

/// The words of one action.
pub(crate) struct Words {
    sink: ProgressSink,
    last: Option<Monotonic>,
}

impl Words {
    pub(crate) fn new(sink: ProgressSink) -> Self {
        Self { sink, last: None }
    }

    /// Passes a word on, or drops it if the last one is too fresh.
    fn tell(&mut self, percent: Option<u8>, text: &str, now: Monotonic) {
        if self.last.is_some_and(|last| now.since(last) < APART) {
            return;
        }
        self.last = Some(now);
        (self.sink)(Progress {
            percent: percent.map(|percent| percent.min(100)),
            text: one_line(text, LINE),
        });
    }
}

impl Host for Context {
    async fn report(&mut self, percent: Option<u8>, text: String) -> wasmtime::Result<()> {
        let now = self.ports.clock.monotonic();
        self.account.host_call()?;
        // Outside of an action (while it saves) there is nobody to tell.
        if let Some(action) = &mut self.action {
            if !self.account.enforces(Enforcer::Words) {
                action.words.last = None;
            }
            action.words.tell(percent, &text, now);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[test]
    fn four_a_second_are_passed_on_and_long_ones_cut() {
        let told = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&told);
        let mut words = Words::new(Box::new(move |progress| {
            sink.lock().unwrap().push(progress);
        }));
        for ms in 0..1_000 {
            let now = Monotonic::ZERO.after(Duration::from_millis(ms));
            words.tell(Some(200), &"x\n".repeat(300), now);
        }
        let told = told.lock().unwrap();
        assert_eq!(told.len(), 4);
        assert_eq!(told[0].percent, Some(100));
        assert!(told[0].text.len() <= LINE && !told[0].text.contains('\n'));
    }
}
