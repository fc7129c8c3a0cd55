(module
  (import "bailiwick:plugin/state@0.1.0" "set" (func $set (param i32 i32 i32 i32 i32)))
  ;; A key of four letters for each number, at address 256.
  (func $key (param $number i32) (local $at i32)
    (local.set $at (i32.const 256))
    (loop $again
      (i32.store8 (local.get $at)
        (i32.add (i32.const 0x61) (i32.rem_u (local.get $number) (i32.const 26))))
      (local.set $number (i32.div_u (local.get $number) (i32.const 26)))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $at) (i32.const 260)))))
  (func $attack (result i32) (local $left i32)
    (local.set $left (i32.const 8000))
    (loop $again
      (call $key (local.get $left))
      (call $set (i32.const 256) (i32.const 4) (i32.const 512) (i32.const 1) (i32.const 64))
      (if (i32.load8_u (i32.const 64))
        (then (return (i32.add (i32.const 1) (i32.load8_u (i32.const 72))))))
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      (br_if $again (local.get $left)))
    (i32.const 0)))
