(module
  (import "bailiwick:plugin/files@0.1.0" "look" (func $look (param i32 i32 i32)))
  (func $attack (result i32)
    (memory.fill (i32.const 1024) (i32.const 0x61) (i32.const 60000))
    (i32.store8 (i32.const 1024) (i32.const 0x2f))
    (call $look (i32.const 1024) (i32.const 60000) (i32.const 64))
    (call $look (i32.const 1024) (i32.const 4000) (i32.const 64))
    (i32.const 0)))
