(module
  (import "bailiwick:plugin/clock@0.1.0" "monotonic" (func $monotonic (result i64)))
  (func $attack (result i32) (local $end i64) (local $left i32)
    (local.set $end (i64.add (call $monotonic) (i64.const 2200000000)))
    (loop $more
      (local.set $left (i32.const 10000000))
      (loop $again
        (local.set $left (i32.sub (local.get $left) (i32.const 1)))
        (br_if $again (local.get $left)))
      (br_if $more (i64.lt_u (call $monotonic) (local.get $end))))
    (i32.const 0)))
