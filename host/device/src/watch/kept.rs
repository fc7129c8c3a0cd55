//! What changed and was not asked for yet.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use bailiwick_core::{
    policy::Files,
    ports::{Changes, Clock},
    time::{Monotonic, Timestamp},
};
use notify::{EventKind, RecommendedWatcher, event::AccessKind};

/// Most paths that are kept, as the contract says.
const MOST_PATHS: usize = 1_024;

/// Who does not ask for so long is watched for no more, so that a plugin that is gone costs
/// nothing but one notice.
const LAPSE: Duration = Duration::from_secs(2 * 86_400);

/// The changes of one plugin, and what brings them.
pub(super) struct Kept {
    grants: Arc<Files>,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    changed: BTreeSet<String>,
    incomplete: bool,
    /// Folders that are not watched any more: they went away, or others took their places.
    lost: BTreeSet<PathBuf>,
    /// Brings notices as long as it lives.
    notices: Option<RecommendedWatcher>,
    /// When somebody asked last.
    asked: Option<Monotonic>,
}

/// What brings notices.
pub(super) struct Taken {
    pub(super) notices: RecommendedWatcher,
    /// It watches nothing yet.
    pub(super) is_new: bool,
}

impl Kept {
    pub(super) fn new(grants: Arc<Files>, clock: Arc<dyn Clock>) -> Self {
        let state = Mutex::default();
        Self {
            grants,
            clock,
            state,
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what brings notices, or makes it. Nothing is locked while a folder is added to it:
    /// it may have a notice to bring first.
    pub(super) fn watcher(self: &Arc<Self>) -> Result<Taken, String> {
        let mut state = self.state();
        state.asked = Some(self.clock.monotonic());
        if let Some(notices) = state.notices.take() {
            return Ok(Taken {
                notices,
                is_new: false,
            });
        }
        drop(state);
        let kept: Weak<Self> = Arc::downgrade(self);
        let notices = notify::recommended_watcher(move |notice: notify::Result<notify::Event>| {
            if let Some(kept) = kept.upgrade() {
                kept.keep(notice);
            }
        });
        Ok(Taken {
            notices: notices.map_err(|error| error.to_string())?,
            is_new: true,
        })
    }

    /// Whether notices are brought.
    #[cfg(test)]
    pub(super) fn is_watching(&self) -> bool {
        self.state().notices.is_some()
    }

    pub(super) fn give_back(&self, notices: RecommendedWatcher) {
        self.state().notices = Some(notices);
    }

    pub(super) fn take(&self) -> Changes {
        let mut state = self.state();
        Changes {
            paths: std::mem::take(&mut state.changed).into_iter().collect(),
            incomplete: std::mem::take(&mut state.incomplete),
        }
    }

    pub(super) fn take_lost(&self) -> BTreeSet<PathBuf> {
        std::mem::take(&mut self.state().lost)
    }

    fn keep(&self, notice: notify::Result<notify::Event>) {
        let mut state = self.state();
        let now = self.clock.monotonic();
        if state.asked.is_none_or(|asked| now.since(asked) > LAPSE) {
            let lapsed = std::mem::take(&mut *state).notices;
            drop(state);
            drop(lapsed);
            return;
        }
        let Ok(notice) = notice else {
            state.incomplete = true;
            return;
        };
        if notice.need_rescan() {
            state.incomplete = true;
        }
        if is_reading(&notice.kind) {
            return;
        }
        for path in &notice.paths {
            self.keep_path(&mut state, path, &notice.kind);
        }
    }

    fn keep_path(&self, state: &mut State, path: &Path, kind: &EventKind) {
        let gone = matches!(
            kind,
            EventKind::Remove(_) | EventKind::Modify(notify::event::ModifyKind::Name(_))
        );
        let Some(name) = path.to_str() else {
            return;
        };
        if gone && self.grants.folders().iter().any(|folder| folder == name) {
            state.lost.insert(path.to_owned());
            state.incomplete = true;
        }
        // Before anything expires: who asks looks again.
        if self.grants.file(name, Timestamp::EPOCH).is_err() {
            return;
        }
        if state.changed.len() < MOST_PATHS || state.changed.contains(name) {
            state.changed.insert(name.to_owned());
        } else {
            state.incomplete = true;
        }
    }
}

/// Reading is no change; the end of writing is.
const fn is_reading(kind: &EventKind) -> bool {
    matches!(
        kind,
        EventKind::Access(
            AccessKind::Any
                | AccessKind::Read
                | AccessKind::Open(_)
                | AccessKind::Other
                | AccessKind::Close(
                    notify::event::AccessMode::Any
                        | notify::event::AccessMode::Read
                        | notify::event::AccessMode::Execute
                        | notify::event::AccessMode::Other
                )
        )
    )
}
