//! What the kernel's own list of tasks costs without an agent around it: a pass each so many
//! seconds, of which a line tells. `cargo xtask bench peers` measures it beside the agent.

use std::{io::Write as _, time::Duration};

use bailiwick_device::TaskIterator;

fn main() -> Result<(), String> {
    let seconds = std::env::args().nth(1);
    let seconds = seconds.and_then(|text| text.parse().ok());
    let Some(seconds) = seconds else {
        return Err("say how many seconds lie between two passes".to_owned());
    };
    let tasks = TaskIterator::attach()?;
    // As much as the agent gives a pass.
    let mut buffer = vec![0; 16 * 1_024];
    let mut out = std::io::stdout();
    loop {
        let counted = tasks.count(&mut buffer)?;
        // Whoever started this program may have ended.
        if writeln!(out, "{counted}").is_err() {
            return Ok(());
        }
        std::thread::sleep(Duration::from_secs(seconds));
    }
}
