(module
  (import "bailiwick:plugin/log@0.1.0" "write" (func $write (param i32 i32 i32)))
  (data (i32.const 256) "\ff\fe\c0\80")
  (func $attack (result i32)
    (call $write (i32.const 1) (i32.const 256) (i32.const 4))
    (i32.const 0)))
