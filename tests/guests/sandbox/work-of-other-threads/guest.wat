(module
  (import "bailiwick:plugin/files@0.1.0" "list" (func $list (param i32 i32 i32)))
  (import "bailiwick:plugin/state@0.1.0" "keys" (func $keys (param i32)))
  (data (i32.const 256) "/granted/a")
  (func $attack (result i32)
    (call $list (i32.const 256) (i32.const 10) (i32.const 64))
    (i32.load8_u (i32.const 64))))
