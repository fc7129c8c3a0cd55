(module
  (import "bailiwick:plugin/watch@0.1.0" "changed" (func $changed (param i32)))
  (func $attack (result i32) (local $at i32) (local $left i32)
    (call $changed (i32.const 64))
    (if (i32.load8_u (i32.const 64)) (then (return (i32.const 8))))
    (local.set $at (i32.load (i32.const 68)))
    (local.set $left (i32.load (i32.const 72)))
    (loop $again
      ;; What changes last has not changed yet.
      (if (i32.eqz (local.get $left)) (then (return (i32.const 9))))
      ;; The first letter below the root: of `link`, or of `real`.
      (if (i32.eq (call $letter (local.get $at)) (i32.const 0x6c)) (then (return (i32.const 0))))
      (if (i32.eq (call $letter (local.get $at)) (i32.const 0x72)) (then (return (i32.const 2))))
      (local.set $at (i32.add (local.get $at) (i32.const 8)))
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      (br $again))
    (unreachable))
  (func $letter (param i32) (result i32)
    (i32.load8_u (i32.add
      (i32.load (local.get 0))
      (i32.add (i32.const @root-length@) (i32.const 1))))))
