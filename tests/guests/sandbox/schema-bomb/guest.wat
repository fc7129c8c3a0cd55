(module
  (memory $memory (export "memory") 3)
  ;; A collection: name, key-fields, fields.
  (func (export "bailiwick:plugin/collect@0.1.0#schema") (result i32) (local $at i32)
    (memory.fill (i32.const 65536) (i32.const 0x61) (i32.const 65536))
    (local.set $at (i32.const 131072))
    (loop $again
      (i32.store (local.get $at) (i32.const 65536))
      (i32.store offset=4 (local.get $at) (i32.const 65536))
      (local.set $at (i32.add (local.get $at) (i32.const 20)))
      (br_if $again (i32.lt_u (local.get $at) (i32.const 141072))))
    (i32.store (i32.const 16) (i32.const 131072))
    (i32.store (i32.const 20) (i32.const 500))
    (i32.const 16)))
