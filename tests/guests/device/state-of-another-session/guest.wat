(module
  (import "bailiwick:plugin/state@0.1.0" "get" (func $get (param i32 i32 i32)))
  (import "bailiwick:plugin/state@0.1.0" "set" (func $set (param i32 i32 i32 i32 i32)))
  (data (i32.const 256) "mine")
  (func $attack (result i32)
    (call $get (i32.const 256) (i32.const 4) (i32.const 64))
    (if (i32.load8_u (i32.const 64)) (then (return (i32.const 9))))
    ;; Somebody has kept it already.
    (if (i32.load8_u (i32.const 72)) (then (return (i32.const 0))))
    (call $set (i32.const 256) (i32.const 4) (i32.const 256) (i32.const 4) (i32.const 64))
    (if (i32.load8_u (i32.const 64)) (then (return (i32.const 8))))
    (i32.const 1)))
