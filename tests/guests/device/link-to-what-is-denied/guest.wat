(module
  (import "bailiwick:plugin/files@0.1.0" "read" (func $read (param i32 i32 i64 i32)))
  (data (i32.const 256) "@root@/file")
  (func $attack (result i32)
    (call $read
      (i32.const 256) (i32.add (i32.const @root-length@) (i32.const 5))
      (i64.const 1000) (i32.const 64))
    (if (result i32) (i32.load8_u (i32.const 64))
      (then (i32.add (i32.const 1) (i32.load8_u (i32.const 72))))
      ;; "secr"
      (else (i32.ne (i32.load (i32.load (i32.const 72))) (i32.const 0x72636573))))))
