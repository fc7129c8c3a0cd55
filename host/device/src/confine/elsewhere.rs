//! Platforms other than Linux: nothing is confined there.

use super::{Drawn, Line, Writable};

/// Draws nothing.
pub fn draw(_: Line, _: Writable<'_>) -> Drawn {
    Drawn::Missing(format!("it is not drawn on {}", std::env::consts::OS))
}
