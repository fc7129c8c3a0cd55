(module
  (import "bailiwick:plugin/files@0.1.0" "look" (func $look (param i32 i32 i32)))
  (data (i32.const 256) "/granted/a")
  (func $attack (result i32)
    (call $look (i32.const 256) (i32.const 10) (i32.const 64))
    (i32.load8_u (i32.const 64))))
