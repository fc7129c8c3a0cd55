(module
  (import "bailiwick:plugin/message@0.1.0" "show" (func $show (param i32 i32 i32 i32 i32)))
  (data (i32.const 256) "1#1")
  (data (i32.const 512) "Call 555 0100 at once.")
  (func $attack (result i32) (local $left i32)
    (local.set $left (i32.const 50))
    (loop $again
      (call $show (i32.const 256) (i32.const 3) (i32.const 512) (i32.const 22) (i32.const 64))
      (if (i32.load8_u (i32.const 64))
        (then (return (i32.add (i32.const 1) (i32.load8_u (i32.const 68))))))
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      (br_if $again (local.get $left)))
    (i32.const 0)))
