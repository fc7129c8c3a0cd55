(module
  (import "bailiwick:plugin/http@0.1.0" "send" (func $send
    (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
  (data (i32.const 256) "http://rebound.example/v1")
  (data (i32.const 512) "")
  (data (i32.const 640) "")
  (func $attack (result i32)
    ;; A list of one header, if there is one.
    (i32.store (i32.const 768) (i32.const 512))
    (i32.store (i32.const 772) (i32.const 0))
    (i32.store (i32.const 776) (i32.const 640))
    (i32.store (i32.const 780) (i32.const 0))
    (call $send
      ;; GET
      (i32.const 0)
      (i32.const 256) (i32.const 25)
      (i32.const 768) (i32.const 0)
      (i32.const 0) (i32.const 0)
      (i32.const 1000) (i32.const 1000)
      (i32.const 64))
    (if (result i32) (i32.load8_u (i32.const 64))
      (then (i32.add (i32.const 1) (i32.load8_u (i32.const 68))))
      (else (i32.const 0)))))
