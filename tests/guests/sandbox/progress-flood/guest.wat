(module
  (import "bailiwick:plugin/progress@0.1.0" "report" (func $report (param i32 i32 i32 i32)))
  (data (i32.const 256) "getting on")
  (func $attack (result i32) (local $left i32)
    (local.set $left (i32.const 1000))
    (loop $again
      (call $report (i32.const 1) (i32.const 50) (i32.const 256) (i32.const 10))
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      (br_if $again (local.get $left)))
    (i32.const 0)))
