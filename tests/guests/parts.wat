;; What every plugin has, for hostile guests that have none of their own. Each part begins with
;; the text that a guest has which needs it not. The attack is `$attack`: it answers 0 once it got
;; what it wanted, and else a digit that says what stopped it.
;; unless (export "memory")
(memory $memory (export "memory") 2)
;; unless (func $attack
(func $attack (result i32) (i32.const 0))
;; unless handover@0.1.0#load
(data (memory $memory) (i32.const 32) "answer 0")
    (func (export "bailiwick:plugin/handover@0.1.0#load")
        (param i32 i32 i32 i32) (result i32) (local $answer i32)
        (local.set $answer (call $attack))
        (i32.store8 $memory (i32.const 39)
            (i32.add (i32.const 0x30) (local.get $answer)))
        (i32.store $memory (i32.const 16)
            (i32.ne (local.get $answer) (i32.const 0)))
        (i32.store $memory (i32.const 20) (i32.const 1))
        (i32.store $memory (i32.const 24) (i32.const 32))
        (i32.store $memory (i32.const 28) (i32.const 8))
        (i32.const 16))
;; unless handover@0.1.0#save
(func (export "bailiwick:plugin/handover@0.1.0#save") (result i32)
        (i64.store $memory (i32.const 16) (i64.const 0))
        (i32.const 16))
;; unless collect@0.1.0#schema
(func (export "bailiwick:plugin/collect@0.1.0#schema") (result i32)
        (i64.store $memory (i32.const 16) (i64.const 0))
        (i32.const 16))
;; unless collect@0.1.0#collect
(func (export "bailiwick:plugin/collect@0.1.0#collect") (result i32)
        (i64.store $memory (i32.const 16) (i64.const 0))
        (i64.store $memory (i32.const 24) (i64.const 0))
        (i32.const 16))
;; unless handle@0.1.0#arguments-schema
(func (export "bailiwick:plugin/handle@0.1.0#arguments-schema") (result i32)
        (i64.store $memory (i32.const 16) (i64.const 0))
        (i32.const 16))
;; unless handle@0.1.0#handle
(func (export "bailiwick:plugin/handle@0.1.0#handle")
        (param i32 i32 i32 i32 i64) (result i32)
        (if (call $attack) (then unreachable))
        (i64.store $memory (i32.const 16) (i64.const 0))
        (i64.store $memory (i32.const 24) (i64.const 0))
        (i32.const 16))
;; unless cabi_realloc
(global $top (mut i32) (i32.const 65536))
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (local $at i32)
        (local.set $at (global.get $top))
        (global.set $top (i32.and (i32.const -16)
            (i32.add (i32.const 15) (i32.add (local.get $at) (local.get 3)))))
        (local.get $at))
