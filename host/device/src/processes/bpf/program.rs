//! The program that the kernel runs for each task (Documentation/bpf/standardization of
//! Linux): it copies what the layout names to its stack, and writes that in one piece.
//!
//! It follows pointers of the kernel by plain loads, which the kernel's verifier lets a program
//! of this type do: one that leads nowhere reads zero. It has no loop and no memory of its own.

use super::layout::{Copied, Layout, Place, slot};

/// `bpf_probe_read_kernel` and `bpf_seq_write` of linux/bpf.h.
const PROBE_READ_KERNEL: i32 = 113;
const SEQ_WRITE: i32 = 127;

/// Where the record begins, from the end of the stack.
#[expect(clippy::cast_possible_wrap, reason = "a stack has 512 bytes")]
const RECORD: i16 = -(slot::BYTES as i16);
const _: () = assert!(slot::BYTES <= 512 && slot::BYTES.is_multiple_of(8));

/// Registers: those from the sixth on keep their values when a function is called, and the
/// tenth points to the end of the stack.
#[derive(Clone, Copy)]
enum Register {
    R0,
    R1,
    R2,
    R3,
    Task = 6,
    Pointed = 7,
    Output = 8,
    Stack = 10,
}

use Register::{Output, Pointed, R0, R1, R2, R3, Stack, Task};

/// Codes of instructions, for 64 bits where nothing else is said.
mod code {
    pub(super) const LOAD: u8 = 0x79;
    pub(super) const LOAD_4: u8 = 0x61;
    pub(super) const STORE: u8 = 0x7b;
    pub(super) const STORE_4: u8 = 0x63;
    pub(super) const STORE_NUMBER: u8 = 0x7a;
    pub(super) const MOVE: u8 = 0xbf;
    pub(super) const MOVE_NUMBER: u8 = 0xb7;
    pub(super) const ADD_NUMBER: u8 = 0x07;
    pub(super) const JUMP: u8 = 0x05;
    pub(super) const JUMP_IF_NUMBER: u8 = 0x15;
    pub(super) const JUMP_IF_SAME: u8 = 0x1d;
    pub(super) const CALL: u8 = 0x85;
    pub(super) const EXIT: u8 = 0x95;
}

/// The program for a kernel of this layout, one instruction of 8 bytes each.
pub(super) fn assemble(layout: &Layout) -> Vec<u64> {
    let mut program = Program(Vec::with_capacity(128));
    // The first argument points to what the kernel tells: about the pass, and the task.
    program.add(code::LOAD, Output, R1, 0, 0);
    program.add(code::LOAD, Task, R1, 8, 0);
    // After the last task it is called once more, without one.
    let to_end = program.jump(code::JUMP_IF_NUMBER, Task, R0);
    program.add(code::LOAD, Output, Output, layout.output.offset, 0);
    for at in (0..slot::BYTES).step_by(8) {
        #[expect(clippy::cast_possible_truncation, reason = "below the record's length")]
        program.add(code::STORE_NUMBER, Stack, R0, RECORD + at as i16, 0);
    }
    let (summed, of_first): (Vec<_>, Vec<_>) = layout
        .task
        .iter()
        .partition(|copied| usize::from(copied.to) < slot::SUMMED_BYTES);
    summed.iter().for_each(|copied| program.copy(Task, copied));
    program.add(code::LOAD_4, R1, Stack, within(slot::TASK), 0);
    program.add(code::LOAD_4, R2, Stack, within(slot::PROCESS), 0);
    let to_first = program.jump(code::JUMP_IF_SAME, R1, R2);
    program.number(R3, slot::SUMMED_BYTES);
    let to_write = program.jump(code::JUMP, R0, R0);
    program.land(to_first);
    of_first
        .iter()
        .for_each(|copied| program.copy(Task, copied));
    for (pointer, all) in &layout.pointed {
        program.add(code::LOAD, Pointed, Task, pointer.offset, 0);
        let past = program.jump(code::JUMP_IF_NUMBER, Pointed, R0);
        all.iter().for_each(|copied| program.copy(Pointed, copied));
        program.land(past);
    }
    program.number(R3, slot::BYTES);
    program.land(to_write);
    program.add(code::MOVE, R1, Output, 0, 0);
    program.add(code::MOVE, R2, Stack, 0, 0);
    program.add(code::ADD_NUMBER, R2, R0, 0, i32::from(RECORD));
    program.add(code::CALL, R0, R0, 0, SEQ_WRITE);
    program.land(to_end);
    program.number(R0, 0);
    program.add(code::EXIT, R0, R0, 0, 0);
    program.0
}

/// Where on the stack a place of the record is.
fn within(slot: u16) -> i16 {
    RECORD.saturating_add_unsigned(slot)
}

struct Program(Vec<u64>);

impl Program {
    fn add(&mut self, code: u8, to: Register, from: Register, offset: i16, number: i32) {
        let [low, high] = offset.to_le_bytes();
        let [a, b, c, d] = number.to_le_bytes();
        let registers = to as u8 | (from as u8) << 4;
        self.0
            .push(u64::from_le_bytes([code, registers, low, high, a, b, c, d]));
    }

    fn number(&mut self, to: Register, number: usize) {
        let number = i32::try_from(number).unwrap_or(i32::MAX);
        self.add(code::MOVE_NUMBER, to, R0, 0, number);
    }

    /// Copies one field of the structure to which `from` points.
    fn copy(&mut self, from: Register, copied: &Copied) {
        let Place { offset, bytes } = copied.from;
        let to = within(copied.to);
        if copied.bytes > 8 {
            self.add(code::MOVE, R1, Stack, 0, 0);
            self.add(code::ADD_NUMBER, R1, R0, 0, i32::from(to));
            self.number(R2, slot::NAME_BYTES);
            self.add(code::MOVE, R3, from, 0, 0);
            self.add(code::ADD_NUMBER, R3, R0, 0, i32::from(offset));
            self.add(code::CALL, R0, R0, 0, PROBE_READ_KERNEL);
            return;
        }
        let load = if bytes == 8 { code::LOAD } else { code::LOAD_4 };
        let store = if copied.bytes == 8 {
            code::STORE
        } else {
            code::STORE_4
        };
        self.add(load, R1, from, offset, 0);
        self.add(store, Stack, R1, to, 0);
    }

    /// A jump whose target comes later: where it is.
    fn jump(&mut self, code: u8, left: Register, right: Register) -> usize {
        self.add(code, left, right, 0, 0);
        self.0.len() - 1
    }

    /// The jump at `from` leads here.
    fn land(&mut self, from: usize) {
        let over = u64::try_from(self.0.len() - from - 1).unwrap_or_default();
        self.0[from] |= over << 16;
    }
}

#[cfg(test)]
#[path = "program_tests.rs"]
mod tests;
