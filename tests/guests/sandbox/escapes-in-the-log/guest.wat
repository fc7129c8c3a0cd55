(module
  (import "bailiwick:plugin/log@0.1.0" "write" (func $write (param i32 i32 i32)))
  (data (i32.const 256) "fine\0a\1b[2Jhost: update installed")
  (func $attack (result i32)
    (call $write (i32.const 1) (i32.const 256) (i32.const 31))
    (i32.const 0)))
