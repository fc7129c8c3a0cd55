(module
  (import "wasi:cli/stdout@0.2.0" "get-stdout" (func $stdout (result i32)))
  (func $attack (result i32) (local $left i32)
    (local.set $left (i32.const 1000))
    (loop $again
      (drop (call $stdout))
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      (br_if $again (local.get $left)))
    (i32.const 0)))
