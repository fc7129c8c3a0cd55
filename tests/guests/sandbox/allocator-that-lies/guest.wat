(module
  (import "bailiwick:plugin/state@0.1.0" "set" (func $set (param i32 i32 i32 i32 i32)))
  (import "bailiwick:plugin/state@0.1.0" "get" (func $get (param i32 i32 i32)))
  (data (i32.const 256) "key")
  (func $attack (result i32)
    (call $set (i32.const 256) (i32.const 3) (i32.const 256) (i32.const 100) (i32.const 64))
    (call $get (i32.const 256) (i32.const 3) (i32.const 64))
    (i32.const 0))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const -16)))
