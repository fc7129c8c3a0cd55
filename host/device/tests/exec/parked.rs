//! A keeper that waits for the next run.

use std::{fs, path::Path, process::Command};

use bailiwick_needs::own_cgroups;

use crate::{
    agent::{Agent, until, words},
    cgroup_name, inherited, privileged, root,
};

/// Whether a parked keeper can be told from others here.
fn can_look() -> bool {
    root() && !own_cgroups("that parked keepers are in cgroups").is_empty()
}

fn kill(pid: u32) {
    let killed = Command::new("kill").args(["-9", &pid.to_string()]).status();
    assert!(killed.unwrap().success());
}

#[test]
fn one_waits_where_runs_are_expected_with_nothing_that_it_need_not_have() {
    if !can_look() {
        return;
    }
    let mut agent = Agent::start();
    assert_eq!(agent.ask("run echo first 1"), "first");
    agent.keeps_nobody();
    agent.ask("expect");
    let pair = agent.parked();
    assert_eq!(pair.folders().len(), 1, "{pair:?}");
    for (pid, kinds) in [
        (pair.keeper, &["socket:", "pipe:"][..]),
        (pair.starter, &["pipe:"]),
    ] {
        assert!(words(pid, "environ").is_empty(), "{pid}");
        // What lets it into the cgroup may be open for another moment.
        until("an end of other open files", || {
            others(pid, kinds).is_empty().then_some(())
        });
    }
}

/// What a process has open that is none of these kinds and that this one did not inherit.
fn others(pid: u32, kinds: &[&str]) -> Vec<String> {
    let inherited = inherited();
    let open = fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten();
    open.filter(|entry| !inherited.contains(&entry.file_name().into_string().unwrap()))
        .filter_map(|entry| {
            fs::read_link(entry.path())
                .ok()?
                .into_os_string()
                .into_string()
                .ok()
        })
        .filter(|leads| !kinds.iter().any(|kind| leads.starts_with(kind)))
        .collect()
}

#[test]
fn a_run_takes_it_and_the_next_one_is_parked() {
    if !can_look() {
        return;
    }
    let mut agent = Agent::start();
    agent.ask("expect");
    let first = agent.parked();
    // Its starter became the program.
    assert_eq!(agent.ask("run echo $$ 1"), first.starter.to_string());
    first.is_gone();
    let second = agent.parked();
    assert_ne!(first.cgroup, second.cgroup);
    assert_eq!(agent.ask("run echo $$ 1"), second.starter.to_string());
}

#[test]
fn runs_beyond_it_start_their_own() {
    if !can_look() {
        return;
    }
    let mut agent = Agent::start();
    agent.ask("expect");
    let first = agent.parked();
    let answer = agent.ask("run echo $$ 4");
    let mut programs: Vec<&str> = answer.split("; ").map(str::trim).collect();
    assert!(
        programs.contains(&first.starter.to_string().as_str()),
        "{answer}"
    );
    programs.sort_unstable();
    programs.dedup();
    assert_eq!(programs.len(), 4, "{answer}");
    let second = agent.parked();
    assert_ne!(first, second);
}

#[test]
fn one_that_was_killed_is_replaced_and_the_run_happens_once() {
    if !can_look() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let runs = folder.path().join("runs");
    let script = format!("echo x >> {}; echo $$", runs.display());
    let mut agent = Agent::start();
    agent.ask("expect");
    for round in 1..=4 {
        let pair = agent.parked();
        // Its starter alone leaves a keeper that can't do it.
        kill(if round % 2 == 0 {
            pair.starter
        } else {
            pair.keeper
        });
        let program = agent.ask(&format!("run {script} 1"));
        let number: u32 = program.parse().expect(&program);
        assert_ne!(number, pair.starter);
        pair.is_gone();
        let count = fs::read_to_string(&runs).unwrap().lines().count();
        assert_eq!(count, round);
    }
}

#[test]
fn one_that_was_killed_is_swept_after_at_once() {
    if !can_look() {
        return;
    }
    let mut agent = Agent::start();
    agent.ask("expect");
    let pair = agent.parked();
    kill(pair.keeper);
    pair.is_gone();
}

#[test]
fn it_ends_when_no_run_is_expected_any_more() {
    if !can_look() {
        return;
    }
    let mut agent = Agent::start();
    agent.ask("expect");
    let pair = agent.parked();
    agent.ask("forget");
    pair.is_gone();
    agent.keeps_nobody();
    assert_eq!(agent.ask("run echo last 1"), "last");
    agent.keeps_nobody();
}

#[test]
fn it_ends_with_its_agent_however_that_ends() {
    if !can_look() {
        return;
    }
    let mut killed = Agent::start();
    killed.ask("expect");
    let pair = killed.parked();
    killed.kill();
    pair.is_gone();
    let mut ending = Agent::start();
    ending.ask("expect");
    let pair = ending.parked();
    drop(ending);
    pair.is_gone();
}

#[test]
fn what_is_killed_with_its_agent_leaves_no_process_and_its_cgroup_goes_at_the_next_start() {
    if !can_look() {
        return;
    }
    let mut agent = Agent::start();
    agent.ask("expect");
    let pair = agent.parked();
    // It would sweep after the keeper.
    kill(agent.privileged());
    kill(pair.keeper);
    let starter = format!("/proc/{}", pair.starter);
    until("the end of the starter", || {
        // Nobody may have taken leave of it.
        let stat = fs::read_to_string(format!("{starter}/stat")).unwrap_or_default();
        let is_over = stat.is_empty() || stat.contains(") Z ");
        is_over.then_some(())
    });
    assert_eq!(pair.folders().len(), 1, "nobody was there to remove it");
    agent.kill();
    drop(privileged(Path::new("/nowhere")));
    // Another test's start may be at it.
    pair.is_gone();
}

#[test]
fn what_an_agent_of_the_same_number_left_is_ended_before() {
    if !can_look() {
        return;
    }
    let mut agent = Agent::start();
    let name = cgroup_name(agent.pid(), 0);
    let folders = own_cgroups("that parked keepers are in cgroups");
    // Where keepers are.
    let folder = folders[0].join(&name);
    fs::create_dir(&folder).unwrap();
    let mut sleeper = Command::new("sleep").arg("600").spawn().unwrap();
    fs::write(folder.join("cgroup.procs"), sleeper.id().to_string()).unwrap();
    agent.ask("expect");
    assert_eq!(agent.parked().cgroup, name);
    let ended = sleeper.wait().unwrap();
    assert!(!ended.success());
}
