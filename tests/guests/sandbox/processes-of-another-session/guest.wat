(module
  (import "bailiwick:plugin/processes@0.1.0" "read" (func $read (param i32)))
  (func $attack (result i32) (local $at i32) (local $end i32)
    (call $read (i32.const 64))
    (if (i32.load8_u (i32.const 64)) (then (return (i32.const 1))))
    (local.set $at (i32.load (i32.const 68)))
    (local.set $end (i32.add (local.get $at) (i32.load (i32.const 72))))
    (loop $again
      ;; "bobs"
      (if (i32.eq (i32.load (local.get $at)) (i32.const 0x73626f62))
        (then (return (i32.const 0))))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $at) (local.get $end))))
    (i32.const 2)))
