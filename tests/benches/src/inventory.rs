//! A full inventory through wasm: this machine, with the fixture's 916 packages in place
//! of its own.

use std::{fs, sync::Arc};

use anyhow::ensure;
use bailiwick_report::rows::Snapshot;

use crate::{
    fixture,
    measure::{Figures, median, ms, process_cpu},
    ports::{self, Redirected},
    setting::Setting,
};

pub(crate) async fn run(setting: &Setting) -> anyhow::Result<Figures> {
    let folder = setting.folder.path().join("dpkg");
    fs::create_dir_all(&folder)?;
    let packages = fixture::lay_down(&folder)?;
    let component = setting.component("inventory", "0.1.0").await?;
    let policy = setting.policy("inventory")?;
    let mut ports = ports::device(&setting.clock);
    ports.files = Arc::new(Redirected::new("/var/lib/dpkg", &folder));
    let (mut first, mut again) = (Vec::new(), Vec::new());
    let mut rows = 0;
    for _ in 0..setting.rounds(50) {
        let mut took = Vec::new();
        let began = process_cpu();
        let mut instance = setting.start_on(&component, &policy, ports.clone()).await?;
        let schema = instance.schema().await?;
        let buffer = instance.collect().await?;
        took.push(ms(process_cpu() - began));
        let snapshot = Snapshot::decode(Arc::new(schema), &buffer)?;
        rows = snapshot.row_count();
        ensure!(rows >= packages, "{rows} rows of {packages} packages");
        let began = process_cpu();
        instance.collect().await?;
        again.push(ms(process_cpu() - began));
        first.extend(took);
    }
    Ok(vec![
        ("inventory-cpu".to_owned(), median(&first)),
        ("inventory-cpu-again-ms".to_owned(), median(&again)),
        ("inventory-rows".to_owned(), rows as f64),
    ])
}
