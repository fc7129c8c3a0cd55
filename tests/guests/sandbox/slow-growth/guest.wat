(module
  (memory $leak 0)
  (func $attack (result i32)
    (i32.eq (i32.const -1) (memory.grow $leak (i32.const 1)))))
