(module
  (import "bailiwick:plugin/state@0.1.0" "set" (func $set (param i32 i32 i32 i32 i32)))
  (import "bailiwick:plugin/state@0.1.0" "get" (func $get (param i32 i32 i32)))
  (data (i32.const 256) "key")
  (func $attack (result i32)
    (call $set (i32.const 256) (i32.const 3) (i32.const 256) (i32.const 3) (i32.const 64))
    (call $get (i32.const 256) (i32.const 3) (i32.const 64))
    ;; The value that was kept must have arrived in the new place.
    (i32.ne (i32.load16_u (i32.load (i32.const 76))) (i32.load16_u (i32.const 256))))
  (global $top (mut i32) (i32.const 0))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (i32.shl (memory.grow (i32.const 8)) (i32.const 16))))
