(module
  (import "bailiwick:plugin/files@0.1.0" "look" (func $look (param i32 i32 i32)))
  (data (i32.const 256) "/home/alice/.ssh/id_ed25519")
  (func $attack (result i32)
    (call $look (i32.const 256) (i32.const 27) (i32.const 64))
    (i32.const 0)))
