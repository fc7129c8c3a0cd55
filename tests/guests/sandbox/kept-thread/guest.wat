(module
  (func $attack (result i32) (local $left i32)
    (local.set $left (i32.const 600000000))
    (loop $again
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      (br_if $again (local.get $left)))
    (i32.const 0)))
