(module
  (import "bailiwick:plugin/exec@0.1.0" "run" (func $run
    (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
  (data (i32.const 256) "/usr/bin/env")
  (data (i32.const 512) "2#1")
  (func $attack (result i32)
    (call $run
      (i32.const 256) (i32.const 12)
      (i32.const 0) (i32.const 0)
      (i32.const 0) (i32.const 0)
      (i32.const 0) (i32.const 0)
      (i32.const 1000)
      (i32.const 1) (i32.const 512) (i32.const 3)
      (i32.const 64))
    (if (result i32) (i32.load8_u (i32.const 64))
      (then (i32.add (i32.const 1) (i32.load8_u (i32.const 72))))
      (else (i32.const 0)))))
