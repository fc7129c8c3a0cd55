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

use super::line::{self, Told};

/// Most open files.
const FILES: u64 = 256;

/// Most processes of the user, all of the machine together; root is not bound by it.
const PROCESSES: u64 = 512;

/// Becomes the program; only comes back if that failed. `numbers` are descriptors of the
/// keeper: the program, its input, what was told, and where to say why not. The file
/// of its cgroup's members may follow.
pub(crate) fn start(numbers: &[String]) -> std::io::Result<()> {
    let Some([program, input, told, why]) = numbers.first_chunk() else {
        return Err(std::io::ErrorKind::InvalidInput.into());
    };
    let keeper = getppid().map_or(0, |pid| pid.as_raw_nonzero().get());
    let of_keeper = |number: &String| format!("/proc/{keeper}/fd/{number}");
    if let Some(members) = numbers.get(4) {
        // Without it the keeper still holds the tree. Nobody but this thread is moved.
        let _ = std::fs::write(members, "0");
    }
    let mut why = OpenOptions::new().write(true).open(of_keeper(why))?;
    let result = File::open(of_keeper(told))
        .and_then(|mut file| line::read(&mut file))
        .map(Told::from_parts)
        .and_then(|told| told.ok_or_else(|| std::io::ErrorKind::InvalidData.into()))
        .and_then(|told| {
            // Both while this may still be read.
            let program = File::open(of_keeper(program))?;
            let input = File::open(of_keeper(input))?;
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
    let user = &told.user;
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
