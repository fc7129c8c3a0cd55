(module
  (table $t 0 funcref)
  (func $attack (result i32)
    (i32.eq (i32.const -1) (table.grow $t (ref.null func) (i32.const 1000000)))))
