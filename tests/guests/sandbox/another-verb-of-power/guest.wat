(module
  (import "bailiwick:plugin/power@0.1.0" "ask" (func $ask (param i32 i32)))
  (func $attack (result i32)
    ;; power-off
    (call $ask (i32.const 4) (i32.const 64))
    (if (result i32) (i32.load8_u (i32.const 64))
      (then (i32.add (i32.const 1) (i32.load8_u (i32.const 68))))
      (else (i32.const 0)))))
