(module
  (import "bailiwick:plugin/log@0.1.0" "write" (func $write (param i32 i32 i32)))
  (memory $memory (export "memory") 50)
  (func $attack (result i32)
    (call $write (i32.const 1) (i32.const 65536) (i32.const 3145728))
    (i32.const 0)))
