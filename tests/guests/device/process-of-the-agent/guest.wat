(module
  (import "bailiwick:plugin/process-control@0.1.0" "end" (func $end
    (param i32 i64 i32 i32 i32 i32 i32)))
  (func $attack (result i32)
    (call $end
      (i32.const @pid@) (i64.const @started@)
      (i32.const 0) (i32.const 0) (i32.const 0)
      (i32.const 1000) (i32.const 64))
    (if (result i32) (i32.load8_u (i32.const 64))
      (then (i32.add (i32.const 1) (i32.load8_u (i32.const 68))))
      (else (i32.const 0)))))
