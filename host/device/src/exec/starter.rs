//! The starter, which gives up what the program shall not have and becomes it.

use std::{
    fs::{File, OpenOptions},
    io::Write,
    os::{fd::AsRawFd, unix::process::CommandExt},
    process::Command,
};

use rustix::{
    fs::Mode,
    process::{
        Gid, Resource, Rlimit, Signal, Uid, geteuid, getppid, set_parent_process_death_signal,
        setrlimit, setsid, umask,
    },
    thread::{set_no_new_privs, set_thread_gid, set_thread_groups, set_thread_uid},
};

use super::{
    keeper::BEGINS,
    line::{self, Told},
    user::Who,
};

/// Most open files.
const FILES: u64 = 256;

/// Most processes of the user, all of the machine together; root is not bound by it.
const PROCESSES: u64 = 512;

/// Waits for the order on standard input and becomes the program; only comes back if that
/// failed, or if there is no order. In the order are numbers of descriptors of the keeper,
/// which are the program, its input, and where to say why not; then what the keeper was told.
/// Whoever writes `0` to `members` is in the run's cgroup.
pub(crate) fn start(members: Option<&str>) -> std::io::Result<()> {
    let keeper = getppid().map_or(0, |pid| pid.as_raw_nonzero().get());
    // Without a keeper there is no order either.
    set_parent_process_death_signal(Some(Signal::KILL))?;
    if let Some(members) = members {
        // Without it the keeper still holds the tree. Nobody but this thread is moved.
        let _ = std::fs::write(members, "0");
    }
    let mut words = line::read(&mut std::io::stdin().lock())?;
    if words.len() < 3 {
        return Err(std::io::ErrorKind::InvalidData.into());
    }
    let told = words.split_off(3);
    let of_keeper = |index: usize| {
        let number = String::from_utf8_lossy(&words[index]);
        format!("/proc/{keeper}/fd/{number}")
    };
    let mut why = OpenOptions::new().write(true).open(of_keeper(2))?;
    let result = Told::from_parts(told)
        .ok_or_else(|| std::io::ErrorKind::InvalidData.into())
        .and_then(|told| {
            // Both while this may still be read.
            let program = File::open(of_keeper(0))?;
            let input = File::open(of_keeper(1))?;
            write!(why, "{BEGINS}")?;
            Err(become_it(&told, keeper, &program, input))
        });
    let result: std::io::Result<()> = result;
    if let Err(error) = &result {
        write!(why, "it could not be started: {error}")?;
    }
    result
}

/// What keeps it from becoming the program.
fn become_it(told: &Told, keeper: i32, program: &File, input: File) -> std::io::Error {
    if let Err(error) = give_up(told, keeper) {
        return error;
    }
    // The descriptor that was checked, whatever has its name by now. It closes as the
    // program begins.
    Command::new(format!("/proc/self/fd/{}", program.as_raw_fd()))
        .arg0(&told.path)
        .args(&told.arguments)
        .env_clear()
        .envs(told.environment.iter().map(|(name, value)| (name, value)))
        .current_dir(&told.directory)
        .stdin(input)
        .exec()
}

fn give_up(told: &Told, keeper: i32) -> std::io::Result<()> {
    setsid()?;
    umask(Mode::from_bits_truncate(0o027));
    let at_most = |number| Rlimit {
        current: Some(number),
        maximum: Some(number),
    };
    setrlimit(Resource::Core, at_most(0))?;
    setrlimit(Resource::Nofile, at_most(FILES))?;
    setrlimit(Resource::Nproc, at_most(PROCESSES))?;
    let Who::Account(user) = &told.user else {
        return Err(std::io::ErrorKind::InvalidData.into());
    };
    if geteuid().is_root() {
        let groups: Vec<Gid> = user.groups.iter().map(|gid| Gid::from_raw(*gid)).collect();
        set_thread_groups(&groups)?;
        set_thread_gid(Gid::from_raw(user.gid))?;
        set_thread_uid(Uid::from_raw(user.uid))?;
    }
    if user.uid != 0 {
        set_no_new_privs(true)?;
    }
    // After the change of user, which takes it back.
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // It may have died before.
    if getppid().map_or(0, |pid| pid.as_raw_nonzero().get()) == keeper {
        Ok(())
    } else {
        Err(std::io::ErrorKind::BrokenPipe.into())
    }
}
