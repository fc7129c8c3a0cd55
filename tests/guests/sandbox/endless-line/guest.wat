(module
  (import "bailiwick:plugin/log@0.1.0" "write" (func $write (param i32 i32 i32)))
  (memory $memory (export "memory") 4)
  (func $attack (result i32)
    (memory.fill (i32.const 65536) (i32.const 0x61) (i32.const 100000))
    (call $write (i32.const 1) (i32.const 65536) (i32.const 100000))
    (i32.const 0)))
