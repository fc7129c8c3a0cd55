(module
  (import "bailiwick:plugin/files@0.1.0" "look" (func $look (param i32 i32 i32)))
  (data (i32.const 256) "/etc/shadow")
  (func $attack (result i32)
    (call $look (i32.const 256) (i32.const 11) (i32.const 64))
    (if (result i32) (i32.load8_u (i32.const 64))
      (then (i32.add (i32.const 1) (i32.load8_u (i32.const 72))))
      (else (i32.const 0)))))
