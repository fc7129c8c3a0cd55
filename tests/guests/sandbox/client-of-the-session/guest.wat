(module
  (import "bailiwick:plugin/sessions@0.1.0" "open" (func $open (param i32)))
  (func $attack (result i32)
    (call $open (i32.const 64))
    (if (i32.load8_u (i32.const 64)) (then (return (i32.const 1))))
    ;; The first session's options `client-name` and `client-address`.
    (if (result i32)
      (i32.or
        (i32.load8_u offset=96 (i32.load (i32.const 68)))
        (i32.load8_u offset=108 (i32.load (i32.const 68))))
      (then (i32.const 0))
      (else (i32.const 2)))))
