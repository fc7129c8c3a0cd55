(module
  (import "bailiwick:plugin/log@0.1.0" "write" (func $write (param i32 i32 i32)))
  (func $attack (result i32)
    (call $write (i32.const 1) (i32.const 131000) (i32.const 1000))
    (i32.const 0)))
