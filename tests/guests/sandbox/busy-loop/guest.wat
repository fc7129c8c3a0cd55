(module
  (func $attack (result i32) (local $left i32) (local $sum i32)
    (local.set $left (i32.const 400000000))
    (loop $again
      (local.set $sum (i32.xor (i32.mul (local.get $sum) (i32.const 31)) (local.get $left)))
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      (br_if $again (local.get $left)))
    (i32.eq (local.get $sum) (i32.const 1))))
