(module
  (import "wasi:filesystem/preopens@0.2.0" "get-directories" (func $directories (param i32)))
  (func $attack (result i32)
    (call $directories (i32.const 64))
    (i32.eqz (i32.load (i32.const 68)))))
