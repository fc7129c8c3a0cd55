(module
  (import "bailiwick:plugin/files@0.1.0" "look" (func $look (param i32 i32 i32)))
  (data (i32.const 256) "/a/0000")
  (func $attack (result i32) (local $number i32)
    (loop $again
      ;; Its number as four digits, so that each is another one.
      (i32.store8 (i32.const 259) (call $digit (local.get $number) (i32.const 1000)))
      (i32.store8 (i32.const 260) (call $digit (local.get $number) (i32.const 100)))
      (i32.store8 (i32.const 261) (call $digit (local.get $number) (i32.const 10)))
      (i32.store8 (i32.const 262) (call $digit (local.get $number) (i32.const 1)))
      (call $look (i32.const 256) (i32.const 7) (i32.const 64))
      (local.set $number (i32.add (local.get $number) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $number) (i32.const 1500))))
    (i32.const 0))
  (func $digit (param i32 i32) (result i32)
    (i32.add (i32.const 0x30)
      (i32.rem_u (i32.div_u (local.get 0) (local.get 1)) (i32.const 10)))))
