(module
  (memory $memory (export "memory") 1024)
  (func $attack (result i32) (i32.const 0)))
