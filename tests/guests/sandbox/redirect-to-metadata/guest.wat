(module
  (import "bailiwick:plugin/http@0.1.0" "send" (func $send
    (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
  (data (i32.const 256) "http://api.example/v1")
  (func $get (param $url i32) (param $length i32) (result i32)
    (call $send
      (i32.const 0)
      (local.get $url) (local.get $length)
      (i32.const 0) (i32.const 0)
      (i32.const 0) (i32.const 0)
      (i32.const 1000) (i32.const 1000)
      (i32.const 64))
    (if (result i32) (i32.load8_u (i32.const 64))
      (then (i32.add (i32.const 1) (i32.load8_u (i32.const 68))))
      (else (i32.const 0))))
  (func $attack (result i32) (local $answer i32) (local $header i32)
    (local.set $answer (call $get (i32.const 256) (i32.const 21)))
    (if (local.get $answer) (then unreachable))
    ;; The value of the first header, which is where it is sent on to.
    (local.set $header (i32.load (i32.const 72)))
    (call $get
      (i32.load offset=8 (local.get $header))
      (i32.load offset=12 (local.get $header)))))
