(module
  (import "bailiwick:plugin/wake@0.1.0" "send" (func $send
    (param i32 i32 i32 i32 i32 i32 i32 i32 i32)))
  (data (i32.const 256) "eth0")
  (data (i32.const 512) "\12\34\01\00\00\01\00\00\00\00\00\00\06secret\07example\00\00\10\00\01")
  (func $attack (result i32)
    (call $send
      (i32.const 256) (i32.const 4)
      ;; limited(9)
      (i32.const 0) (i32.const 9) (i32.const 0) (i32.const 0)
      (i32.const 512) (i32.const 32)
      (i32.const 64))
    (if (result i32) (i32.load8_u (i32.const 64))
      (then (i32.add (i32.const 1) (i32.load8_u (i32.const 68))))
      (else (i32.const 0)))))
