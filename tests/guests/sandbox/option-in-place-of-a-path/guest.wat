(module
  (import "bailiwick:plugin/exec@0.1.0" "run" (func $run
    (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
  (data (i32.const 256) "/usr/bin/df")
  (data (i32.const 512) "--output=/etc/cron.d/x")
  (data (i32.const 768) "")
  (func $attack (result i32)
    ;; A list of one argument, and one of a variable's name.
    (i32.store (i32.const 1024) (i32.const 512))
    (i32.store (i32.const 1028) (i32.const 22))
    (i32.store (i32.const 1032) (i32.const 768))
    (i32.store (i32.const 1036) (i32.const 0))
    (call $run
      (i32.const 256) (i32.const 11)
      (i32.const 1024) (i32.const 1)
      (i32.const 1032) (i32.const 0)
      (i32.const 0) (i32.const 0)
      (i32.const 1000)
      (i32.const 0) (i32.const 0) (i32.const 0)
      (i32.const 64))
    (if (result i32) (i32.load8_u (i32.const 64))
      (then (i32.add (i32.const 1) (i32.load8_u (i32.const 72))))
      (else (i32.const 0)))))
