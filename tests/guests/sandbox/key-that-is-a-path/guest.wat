(module
  (import "bailiwick:plugin/state@0.1.0" "set" (func $set (param i32 i32 i32 i32 i32)))
  (data (i32.const 256) "../../etc/cron.d/x")
  (func $attack (result i32)
    (call $set (i32.const 256) (i32.const 18) (i32.const 256) (i32.const 4) (i32.const 64))
    (if (result i32) (i32.load8_u (i32.const 64))
      (then (i32.add (i32.const 1) (i32.load8_u (i32.const 72))))
      (else (i32.const 0)))))
