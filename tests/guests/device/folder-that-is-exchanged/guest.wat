(module
  (import "bailiwick:plugin/files@0.1.0" "read" (func $read (param i32 i32 i64 i32)))
  (data (i32.const 256) "@root@/folder/file")
  (func $attack (result i32) (local $left i32)
    (local.set $left (i32.const 1500))
    (loop $again
      (global.set $top (i32.const 65536))
      (call $read
        (i32.const 256) (i32.add (i32.const @root-length@) (i32.const 12))
        (i64.const 1000) (i32.const 64))
      (if (i32.eqz (i32.load8_u (i32.const 64)))
        (then
          ;; "secr"
          (if (i32.eq (i32.load (i32.load (i32.const 72))) (i32.const 0x72636573))
            (then (return (i32.const 0))))))
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      (br_if $again (local.get $left)))
    (i32.const 9)))
