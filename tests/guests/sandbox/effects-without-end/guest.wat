(module
  (import "bailiwick:plugin/wake@0.1.0" "send" (func $send
    (param i32 i32 i32 i32 i32 i32 i32 i32 i32)))
  (data (i32.const 256) "eth0")
  ;; 6 times 0xff, and an address that is repeated below.
  (data (i32.const 512) "\ff\ff\ff\ff\ff\ff\52\54\00\09\09\09")
  (func $attack (result i32) (local $at i32) (local $left i32)
    (local.set $at (i32.const 524))
    (loop $again
      (memory.copy (local.get $at) (i32.const 518) (i32.const 6))
      (local.set $at (i32.add (local.get $at) (i32.const 6)))
      (br_if $again (i32.lt_u (local.get $at) (i32.const 614))))
    (local.set $left (i32.const 500))
    (loop $again
      (call $send
        (i32.const 256) (i32.const 4)
        ;; limited(9)
        (i32.const 0) (i32.const 9) (i32.const 0) (i32.const 0)
        (i32.const 512) (i32.const 102)
        (i32.const 64))
      (if (i32.load8_u (i32.const 64)) (then (return (i32.const 9))))
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      (br_if $again (local.get $left)))
    (i32.const 0)))
