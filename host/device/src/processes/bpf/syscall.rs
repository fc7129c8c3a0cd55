//! The call bpf(2), for which there is no safe function.
//!
//! What it is told is a block of bytes whose meaning depends on the command (`union bpf_attr`
//! of linux/bpf.h). The three commands here are given addresses only of memory that is
//! borrowed for the time of the call, and each answers with a descriptor.

use std::os::fd::{AsFd, AsRawFd as _, FromRawFd as _, OwnedFd};

use rustix::io::Errno;

const PROG_LOAD: libc::c_int = 5;
const LINK_CREATE: libc::c_int = 28;
/// The only command that is left to a confined agent.
pub(crate) const ITER_CREATE: u32 = 33;

/// `BPF_PROG_TYPE_TRACING` and `BPF_TRACE_ITER`.
const TRACING: u32 = 26;
const ITERATOR: u32 = 28;

/// Bytes of the block that Linux 5.8 knows; newer kernels take the rest for zero.
const BLOCK: usize = 120;

/// Has the kernel check and keep `program`, which takes the place of the function `iterator`.
pub(super) fn load(program: &[u64], iterator: u32) -> Result<OwnedFd, Errno> {
    // The kernel lets only programs of a licence that goes with its own call what reads its
    // memory.
    let licence = c"Dual BSD/GPL";
    let mut block = Block::default();
    block.four(0, TRACING);
    block.four(4, u32::try_from(program.len()).map_err(|_| Errno::TOOBIG)?);
    block.eight(8, program.as_ptr().expose_provenance() as u64);
    block.eight(16, licence.as_ptr().expose_provenance() as u64);
    block.four(68, ITERATOR);
    block.four(108, iterator);
    call(PROG_LOAD, &block)
}

/// Attaches a program that was loaded.
pub(super) fn attach(program: impl AsFd) -> Result<OwnedFd, Errno> {
    let mut block = Block::default();
    block.four(0, number(&program));
    block.four(8, ITERATOR);
    call(LINK_CREATE, &block)
}

/// Begins a pass of an attached program.
pub(super) fn begin(link: impl AsFd) -> Result<OwnedFd, Errno> {
    let mut block = Block::default();
    block.four(0, number(&link));
    call(ITER_CREATE.cast_signed(), &block)
}

fn number(descriptor: &impl AsFd) -> u32 {
    descriptor.as_fd().as_raw_fd().cast_unsigned()
}

struct Block([u8; BLOCK]);

impl Default for Block {
    fn default() -> Self {
        Self([0; BLOCK])
    }
}

impl Block {
    fn four(&mut self, at: usize, value: u32) {
        self.0[at..at + 4].copy_from_slice(&value.to_ne_bytes());
    }

    fn eight(&mut self, at: usize, value: u64) {
        self.0[at..at + 8].copy_from_slice(&value.to_ne_bytes());
    }
}

/// Only [`load`] has the kernel read what the block points to: instructions, as many as the block
/// says, and a text that ends with a zero, both borrowed until this returns. No command writes to
/// this process's memory, for no block names a place for a log.
#[expect(unsafe_code, reason = "no safe function makes this call")]
fn call(command: libc::c_int, block: &Block) -> Result<OwnedFd, Errno> {
    // SAFETY: the block is `BLOCK` bytes long, and it and what it points to outlive the call,
    // which writes to none of this process's memory.
    let answer = unsafe { libc::syscall(libc::SYS_bpf, command, block.0.as_ptr(), BLOCK) };
    let answer = libc::c_int::try_from(answer).unwrap_or(-1);
    if answer < 0 {
        let error = std::io::Error::last_os_error();
        return Err(Errno::from_io_error(&error).unwrap_or(Errno::IO));
    }
    // SAFETY: each of these commands answers with a descriptor that it made for the caller
    // alone, close-on-exec, so nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(answer) })
}
