(module
  (import "bailiwick:plugin/watch@0.1.0" "changed" (func $changed (param i32)))
  (func $attack (result i32) (local $at i32) (local $left i32)
    (call $changed (i32.const 64))
    (if (i32.load8_u (i32.const 64)) (then (return (i32.const 9))))
    (local.set $at (i32.load (i32.const 68)))
    (local.set $left (i32.load (i32.const 72)))
    (loop $again
      (if (i32.eqz (local.get $left)) (then (return (i32.const 2))))
      ;; "/etc/shadow" is longer than what was granted.
      (if (i32.eq (i32.load offset=4 (local.get $at)) (i32.const 11)) (then (return (i32.const 0))))
      (local.set $at (i32.add (local.get $at) (i32.const 8)))
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      (br $again))
    (unreachable)))
