//! A granted host call with its check and its account, over the same call unchecked.

use crate::{
    bare::Bare,
    measure::{Figures, median, thread_cpu_ns},
    setting::{Setting, probe_policy},
};

/// Host calls in one call of the guest.
const OFTEN: u32 = 20_000;
/// The probe's order to call `clock.now` so often.
const CALL_THE_CLOCK: u32 = 2;

pub(crate) async fn run(setting: &Setting) -> anyhow::Result<Figures> {
    let probe = setting.probe().await?;
    let mut ours = setting.start(&probe, &probe_policy()?).await?;
    let mut bare = Bare::start(&setting.clock).await?;
    let order = order(CALL_THE_CLOCK, OFTEN, 0);
    let mut more = Vec::new();
    let mut costs = [Vec::new(), Vec::new()];
    for round in 0..=setting.rounds(200) {
        let began = thread_cpu_ns();
        ours.load("", &order).await?;
        let between = thread_cpu_ns();
        bare.load(&order).await?;
        let ended = thread_cpu_ns();
        if round > 0 {
            let (ours, bare) = (between - began, ended - between);
            costs[0].push(ours / f64::from(OFTEN));
            costs[1].push(bare / f64::from(OFTEN));
            more.push((ours - bare) / f64::from(OFTEN));
        }
    }
    Ok(vec![
        ("host-call".to_owned(), median(&more)),
        ("host-call-ours-ns".to_owned(), median(&costs[0])),
        ("host-call-bare-ns".to_owned(), median(&costs[1])),
    ])
}

/// What the probe's `load` takes.
pub(crate) fn order(attack: u32, often: u32, much: u32) -> Vec<u8> {
    [attack, often, much]
        .into_iter()
        .flat_map(u32::to_le_bytes)
        .collect()
}
