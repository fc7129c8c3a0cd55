//! Bytes of the programs that devices get.

use super::{Bench, table::Figure};
use crate::build::Profile;

pub(crate) fn measure(_: &Bench, _: &str) -> anyhow::Result<Vec<Figure>> {
    ["bailiwick", "bailiwick-compile"]
        .into_iter()
        .map(|program| {
            // The profile strips them.
            let bytes = std::fs::metadata(Profile::Device.built(program))?.len();
            Ok(Figure::new(program, bytes as f64 / 1e6))
        })
        .collect()
}
