(module
  (import "bailiwick:plugin/log@0.1.0" "write" (func $write (param i32 i32 i32)))
  (data (i32.const 256) "nothing to see here")
  (func $attack (result i32) (local $left i32)
    (local.set $left (i32.const 1000))
    (loop $again
      (call $write (i32.const 3) (i32.const 256) (i32.const 19))
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      (br_if $again (local.get $left)))
    (i32.const 0)))
