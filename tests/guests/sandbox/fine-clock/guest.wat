(module
  (import "bailiwick:plugin/clock@0.1.0" "monotonic" (func $monotonic (result i64)))
  (func $attack (result i32) (local $left i32)
    (local.set $left (i32.const 1000))
    (loop $again
      (if (i64.ne (i64.const 0) (i64.rem_u (call $monotonic) (i64.const 1000)))
        (then (return (i32.const 0))))
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      (br_if $again (local.get $left)))
    (i32.const 1)))
