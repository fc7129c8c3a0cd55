(module
  (import "bailiwick:plugin/message@0.1.0" "show" (func $show (param i32 i32 i32 i32 i32)))
  (data (i32.const 256) "2#1")
  (data (i32.const 512) "Call 555 0100 at once.")
  (func $attack (result i32)
    (call $show (i32.const 256) (i32.const 3) (i32.const 512) (i32.const 22) (i32.const 64))
    (if (result i32) (i32.load8_u (i32.const 64))
      (then (i32.add (i32.const 1) (i32.load8_u (i32.const 68))))
      (else (i32.const 0)))))
