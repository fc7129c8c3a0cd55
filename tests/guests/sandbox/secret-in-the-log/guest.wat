(module
  (import "bailiwick:plugin/exec@0.1.0" "run" (func $run
    (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
  (data (i32.const 256) "/bin/mount")
  (data (i32.const 512) "--password=hunter2")
  (func $attack (result i32)
    ;; A list of one argument.
    (i32.store (i32.const 1024) (i32.const 512))
    (i32.store (i32.const 1028) (i32.const 18))
    (call $run
      (i32.const 256) (i32.const 10)
      (i32.const 1024) (i32.const 1)
      (i32.const 0) (i32.const 0)
      (i32.const 0) (i32.const 0)
      (i32.const 1000)
      (i32.const 0) (i32.const 0) (i32.const 0)
      (i32.const 64))
    (i32.const 0)))
