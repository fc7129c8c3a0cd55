(module
  (memory $secrets 16)
  (table $t 64 funcref)
  (elem declare func $attack)
  (func $attack (result i32) (local $at i32)
    (loop $again
      (if (i64.ne (i64.const 0) (i64.load $secrets (local.get $at)))
        (then (return (i32.const 1))))
      (i64.store $secrets (local.get $at) (i64.const 0x5ec4e75ec4e75ec4))
      (local.set $at (i32.add (local.get $at) (i32.const 512)))
      (br_if $again (i32.lt_u (local.get $at) (i32.const 1048576))))
    (if (i32.eqz (ref.is_null (table.get $t (i32.const 7)))) (then (return (i32.const 2))))
    (table.set $t (i32.const 7) (ref.func $attack))
    (i32.const 0)))
