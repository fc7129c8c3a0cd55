//! The agent beside what a user would pick instead, and beside the least that can be done: all at
//! once on one machine, each with an account of its own, first with few processes and then with
//! many.

mod account;
mod agent;
mod asking;
mod crowd;
mod least;
mod packages;
mod page;
mod plot;
mod programs;
mod received;
mod round;
mod running;
mod subject;

use std::{path::PathBuf, time::Duration};

use self::{
    agent::Way,
    crowd::Size,
    least::Least,
    packages::{Unpacked, version},
    page::{Kind, Row},
    programs::PEERS,
    round::round,
    subject::Measured,
};
use super::{Bench, table::Figure};

pub(crate) const NAME: &str = "peers";

/// From one sample to the next, for everybody.
const EVERY: Duration = Duration::from_secs(15);
/// Over which processor time is added up: as many as make a session's file.
const SAMPLES: u32 = 20;
const SAMPLES_SHORT: u32 = 4;

const FEW: Size = Size {
    processes: 300,
    sessions: 1,
};
const MANY: Size = Size {
    processes: 2_000,
    sessions: 50,
};

/// Where programs are, and what they write.
struct Place {
    folder: PathBuf,
    least: Least,
    unpacked: Unpacked,
}

/// What was measured of somebody, or that nothing was.
type Outcome = Result<Measured, Missing>;

/// Why nothing was measured. What failed is told while it happens: it may name this machine's
/// paths, which are nothing for a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Missing {
    /// The distribution does not have it.
    NotProvided,
    Failed,
}

pub(crate) fn measure(bench: &Bench, _: &str) -> anyhow::Result<Vec<Figure>> {
    let folder = bench.folder.join(NAME);
    let packages = PEERS.map(|peer| peer.package);
    let place = Place {
        least: Least::build(bench, &folder)?,
        unpacked: Unpacked::fetch(&folder, &packages, !bench.as_built)?,
        folder,
    };
    let few = round(bench, &place, FEW)?;
    let many = round(bench, &place, MANY)?;
    let there = [few.processes, many.processes];
    let rows = rows(few.outcomes, many.outcomes, version);
    eprint!("\n{}", page::table(&rows));
    // Without the agent it is nothing to compare, and leaves the page as it was.
    if rows
        .iter()
        .all(|row| row.kind == Kind::Peer || row.many.is_ok())
    {
        page::write(&rows, there, EVERY * samples(bench))?;
    }
    Ok(figures(&rows))
}

fn samples(bench: &Bench) -> u32 {
    if bench.short { SAMPLES_SHORT } else { SAMPLES }
}

/// Names beside what was measured; peers by what they take with many processes.
fn rows(
    few: Vec<Outcome>,
    many: Vec<Outcome>,
    version: impl Fn(&str) -> Option<String>,
) -> Vec<Row> {
    let agents = Way::ALL.map(|way| Row::named(Kind::Agent, way.name(), way.tells()));
    let least = [
        Row::named(Kind::Least, least::TASKS, "nothing: it makes passes"),
        Row::named(Kind::Least, least::PROC, "nothing: it reads"),
    ];
    let peers = PEERS.map(|peer| Row {
        version: version(peer.package),
        ..Row::named(Kind::Peer, peer.name, peer.tells)
    });
    let mut rows: Vec<Row> = agents.into_iter().chain(least).chain(peers).collect();
    for (row, (few, many)) in rows.iter_mut().zip(few.into_iter().zip(many)) {
        (row.few, row.many) = (few, many);
    }
    let cost = |row: &Row| row.many.map_or(f64::MAX, |many| many.cpu);
    rows.sort_by(|one, other| match (one.kind, other.kind) {
        (Kind::Peer, Kind::Peer) => cost(one).total_cmp(&cost(other)),
        (one, other) => one.cmp(&other),
    });
    rows
}

/// One of a row's outcomes.
type Pick = fn(&Row) -> Outcome;

/// What has a bound: the agent's own, what it takes over the least, over /proc, and what finding
/// sessions takes at most, of which the first is told without as well.
fn figures(rows: &[Row]) -> Vec<Figure> {
    let measured = |name: &str, outcome: Pick| {
        let row = rows.iter().find(|row| row.name == name)?;
        outcome(row).ok()
    };
    let of = |name: &str, outcome: Pick| measured(name, outcome).map(|measured| measured.cpu);
    let few: (&str, Pick) = ("few", |row| row.few);
    let many: (&str, Pick) = ("many", |row| row.many);
    let mut figures = Vec::new();
    let mut figure = |name: String, measured: Option<f64>| {
        figures.extend(measured.map(|measured| Figure::new(&name, measured)));
    };
    for (size, outcome) in [few, many] {
        let [bpf, proc, bare] = Way::ALL.map(|way| of(way.name(), outcome));
        let over = |one: Option<f64>, other: Option<f64>| Some(one? / other?);
        let less = |one: Option<f64>, other: Option<f64>| Some(one? - other?);
        figure(format!("peers-{size}"), bpf);
        figure(
            format!("peers-{size}-over-c"),
            over(proc, of(least::PROC, outcome)),
        );
        figure(format!("peers-{size}-finding"), bare);
        figure(format!("peers-{size}-for-plugins-ms"), less(bpf, bare));
        let agent = measured(Way::Bpf.name(), outcome);
        figure(
            format!("peers-{size}-sessions"),
            agent.map(|measured| measured.sessions),
        );
    }
    figures
}

#[cfg(test)]
mod tests {
    use super::{account::Memory, *};

    fn took(cpu: f64) -> Outcome {
        Ok(Measured {
            cpu,
            sent: 1.0,
            sessions: 1.0,
            memory: Memory::default(),
        })
    }

    #[test]
    fn the_agent_comes_first_and_others_by_what_they_take() {
        let many = PEERS.len() + 5;
        let missing = vec![Err(Missing::NotProvided); many];
        let mut costs: Vec<Outcome> = (0..many).map(|n| took(100.0 - n as f64)).collect();
        costs[5] = Err(Missing::Failed);
        let rows = rows(missing, costs, |_| None);
        let names: Vec<_> = rows.iter().map(|row| row.name).collect();
        let first = [
            Way::Bpf.name(),
            Way::Proc.name(),
            Way::Bare.name(),
            least::TASKS,
            least::PROC,
        ];
        assert_eq!(names[..5], first);
        assert_eq!(names[5], PEERS[PEERS.len() - 1].name);
        assert_eq!(names[many - 1], PEERS[0].name);
    }

    #[test]
    fn over_proc_the_agent_is_held_against_c_and_else_against_the_clock() {
        let failed = Err(Missing::Failed);
        let few = [took(1.5), took(6.0), took(0.5), took(0.4), took(4.0)];
        let many = [took(7.0), took(30.0), failed, took(2.0), failed];
        let figures = figures(&rows(few.to_vec(), many.to_vec(), |_| None));
        let told: Vec<_> = figures
            .iter()
            .map(|figure| (figure.name.as_str(), figure.measured))
            .collect();
        let expected = [
            ("peers-few", 1.5),
            ("peers-few-over-c", 1.5),
            ("peers-few-finding", 0.5),
            ("peers-few-for-plugins-ms", 1.0),
            ("peers-few-sessions", 1.0),
            ("peers-many", 7.0),
            ("peers-many-sessions", 1.0),
        ];
        assert_eq!(told, expected);
    }
}
