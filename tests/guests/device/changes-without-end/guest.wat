(module
  (import "bailiwick:plugin/watch@0.1.0" "changed" (func $changed (param i32)))
  (memory $memory (export "memory") 16)
  (global $asked (mut i32) (i32.const 0))
  (func $attack (result i32) (local $at i32) (local $left i32)
    (global.set $top (i32.const 65536))
    (call $changed (i32.const 64))
    (if (i32.load8_u (i32.const 64)) (then (return (i32.const 8))))
    ;; More than the contract says.
    (if (i32.gt_u (i32.load (i32.const 72)) (i32.const 1024)) (then (return (i32.const 0))))
    ;; The first time something is always missing.
    (if (i32.and (global.get $asked) (i32.load8_u (i32.const 76)))
      (then (return (i32.const 2))))
    (global.set $asked (i32.const 1))
    (local.set $at (i32.load (i32.const 68)))
    (local.set $left (i32.load (i32.const 72)))
    (loop $again
      (if (i32.eqz (local.get $left)) (then (return (i32.const 9))))
      ;; `last`, the last one that changes: all were told, a few at a time.
      (if (i32.eq (call $letter (local.get $at)) (i32.const 0x6c)) (then (return (i32.const 2))))
      (local.set $at (i32.add (local.get $at) (i32.const 8)))
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      (br $again))
    (unreachable))
  (func $letter (param i32) (result i32)
    (i32.load8_u (i32.add
      (i32.load (local.get 0))
      (i32.add (i32.const @root-length@) (i32.const 1))))))
