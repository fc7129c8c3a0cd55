(module
  (func $deeper (param $left i32) (param i64 i64 i64) (result i64)
    (if (result i64) (local.get $left)
      (then (i64.add (local.get 1) (call $deeper
        (i32.sub (local.get $left) (i32.const 1))
        (local.get 3) (local.get 1) (local.get 2))))
      (else (local.get 2))))
  (func $attack (result i32)
    (drop (call $deeper (i32.const 30000) (i64.const 1) (i64.const 2) (i64.const 3)))
    (i32.const 0)))
