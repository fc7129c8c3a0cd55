//! The program, run by a small interpreter over memory of any content: what it writes is what
//! the layout names, and nothing else.

use proptest::prelude::*;

use super::{super::record, *};

/// Where things are in the interpreter's memory. What a pointer holds is a place in it.
const CONTEXT: u64 = 64;
const META: u64 = 128;
const OUTPUT: u64 = 4_000;
const TASK: u64 = 512;
const POINTED: [u64; 4] = [1_024, 1_536, 2_048, 2_560];
const STACK: u64 = 3_584;
const MEMORY: usize = 3_600;

struct Machine {
    memory: Vec<u8>,
    registers: [u64; 11],
    written: Vec<Vec<u8>>,
}

impl Machine {
    fn read(&self, at: u64, bytes: u32) -> u64 {
        let at = usize::try_from(at).unwrap();
        let mut value = [0; 8];
        value[..bytes as usize].copy_from_slice(&self.memory[at..at + bytes as usize]);
        u64::from_le_bytes(value)
    }

    fn write(&mut self, at: u64, value: u64, bytes: usize) {
        let at = usize::try_from(at).unwrap();
        self.memory[at..at + bytes].copy_from_slice(&value.to_le_bytes()[..bytes]);
    }

    fn run(&mut self, program: &[u64]) {
        (self.registers[1], self.registers[10]) = (CONTEXT, STACK);
        let mut at = 0;
        loop {
            let [code, registers, low, high, number @ ..] = program[at].to_le_bytes();
            let (to, from) = (usize::from(registers & 15), usize::from(registers >> 4));
            let offset = i64::from(i16::from_le_bytes([low, high]));
            let number = i64::from(i32::from_le_bytes(number));
            let (there, here) = (self.registers[to], self.registers[from]);
            let next = at + 1;
            let target = || next.strict_add_signed(isize::try_from(offset).unwrap());
            let mut jump = None;
            match code {
                code::LOAD => {
                    self.registers[to] = self.read(here.strict_add_signed(offset), 8);
                }
                code::LOAD_4 => {
                    self.registers[to] = self.read(here.strict_add_signed(offset), 4);
                }
                code::STORE => self.write(there.strict_add_signed(offset), here, 8),
                code::STORE_4 => self.write(there.strict_add_signed(offset), here, 4),
                code::STORE_NUMBER => {
                    self.write(there.strict_add_signed(offset), number.cast_unsigned(), 8);
                }
                code::MOVE => self.registers[to] = here,
                code::MOVE_NUMBER => self.registers[to] = number.cast_unsigned(),
                code::ADD_NUMBER => self.registers[to] = there.strict_add_signed(number),
                code::JUMP => jump = Some(target()),
                code::JUMP_IF_NUMBER => {
                    jump = (there == number.cast_unsigned()).then(target);
                }
                code::JUMP_IF_SAME => jump = (there == here).then(target),
                code::CALL => self.call(i32::try_from(number).unwrap()),
                code::EXIT => {
                    assert_eq!(self.registers[0], 0);
                    return;
                }
                code => panic!("no such instruction: {code:#x}"),
            }
            // A program of the kernel ends: it only goes on.
            at = jump.unwrap_or(next);
            assert!(at >= next);
        }
    }

    fn call(&mut self, function: i32) {
        let [_, first, second, third, ..] = self.registers;
        match function {
            PROBE_READ_KERNEL => {
                for at in 0..second {
                    let byte = self.read(third + at, 1);
                    self.write(first + at, byte, 1);
                }
            }
            SEQ_WRITE => {
                assert_eq!(first, OUTPUT);
                let all = (0..third).map(|at| self.read(second + at, 1) as u8);
                self.written.push(all.collect());
            }
            function => panic!("no such function: {function}"),
        }
        // What a called function leaves there is not known.
        self.registers[1..=5].fill(0xdead_dead_dead_dead);
    }
}

fn place(offset: i16, bytes: u32) -> Place {
    Place { offset, bytes }
}

fn copied(offset: i16, read: u32, to: u16, bytes: u32) -> Copied {
    Copied {
        from: place(offset, read),
        to,
        bytes,
    }
}

/// Some kernel's: with a gap, with one field shorter than its place.
fn layout() -> Layout {
    Layout {
        iterator: 7,
        output: place(8, 8),
        task: vec![
            copied(16, 4, slot::TASK, 4),
            copied(20, 4, slot::PROCESS, 4),
            copied(40, 8, slot::CPU, 8),
            copied(100, 8, slot::STARTED, 8),
            copied(120, 4, slot::EXEC, 8),
            copied(124, 4, slot::FLAGS, 4),
            copied(200, 16, slot::NAME, 16),
        ],
        pointed: vec![
            (
                place(300, 8),
                vec![
                    copied(8, 8, slot::ENDED_CPU, 8),
                    copied(0, 4, slot::THREADS, 4),
                ],
            ),
            (place(308, 8), vec![copied(64, 8, slot::PAGES[1], 8)]),
            (place(316, 8), vec![copied(20, 4, slot::PARENT, 4)]),
            (place(324, 8), vec![copied(12, 4, slot::USER, 4)]),
        ],
        counts_storage: false,
    }
}

/// Bytes without order (Numerical Recipes' linear congruence).
fn contents(seed: u32) -> Vec<u8> {
    let next = |last: &u32| Some(last.wrapping_mul(1_664_525).wrapping_add(1_013_904_223));
    let numbers = std::iter::successors(Some(seed), next);
    numbers
        .take(MEMORY)
        .map(|number| (number >> 24) as u8)
        .collect()
}

/// A machine with these contents, and a task of these ids that points to these places.
fn machine(contents: &[u8], task: (u32, u32), pointed: [u64; 4]) -> Machine {
    let mut machine = Machine {
        memory: contents.to_vec(),
        registers: [0xbad; 11],
        written: Vec::new(),
    };
    machine.write(CONTEXT, META, 8);
    machine.write(CONTEXT + 8, TASK, 8);
    machine.write(META + 8, OUTPUT, 8);
    machine.write(TASK + 16, task.0.into(), 4);
    machine.write(TASK + 20, task.1.into(), 4);
    for (at, to) in pointed.into_iter().enumerate() {
        machine.write(TASK + 300 + 8 * at as u64, to, 8);
    }
    machine
}

proptest! {
    #[test]
    fn what_is_written_is_what_the_layout_names(
        seed in any::<u32>(),
        is_first in any::<bool>(),
        there in any::<[bool; 4]>(),
    ) {
        let contents = contents(seed);
        let layout = layout();
        let mut pointed = POINTED;
        pointed.iter_mut().zip(there).filter(|(_, there)| !there).for_each(|(to, _)| *to = 0);
        let task = if is_first { (77, 77) } else { (78, 77) };
        let mut machine = machine(&contents, task, pointed);
        machine.run(&assemble(&layout));
        let mut expected = vec![0; slot::BYTES];
        let pointers = layout.pointed.iter().map(|(_, all)| all).zip(pointed);
        let all = std::iter::once((&layout.task, TASK)).chain(pointers);
        for (copied, base) in all.flat_map(|(all, base)| all.iter().map(move |copied| (copied, base))) {
            if base == 0 {
                continue;
            }
            for at in 0..copied.from.bytes {
                let from = base.strict_add_signed(copied.from.offset.into()) + u64::from(at);
                expected[usize::from(copied.to) + at as usize] = machine.read(from, 1) as u8;
            }
        }
        expected.truncate(if is_first { slot::BYTES } else { slot::SUMMED_BYTES });
        prop_assert_eq!(&machine.written, &vec![expected]);
        let mut rest = machine.written[0].as_slice();
        let record = record::take(&mut rest).unwrap();
        prop_assert!(rest.is_empty());
        prop_assert_eq!((record.process, record.first.is_some()), (77, is_first));
    }
}

#[test]
fn after_the_last_task_nothing_is_written() {
    let mut machine = machine(&[0; MEMORY], (1, 1), POINTED);
    machine.write(CONTEXT + 8, 0, 8);
    machine.run(&assemble(&layout()));
    assert!(machine.written.is_empty());
}
