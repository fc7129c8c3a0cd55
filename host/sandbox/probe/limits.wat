;; A component that attacks every limit of a plugin, one attack a call. The host runs it
;; under a plugin's own limits before it starts that plugin (see src/probe). It grows
;; memory and does not touch it.
;;
;; `load` takes three little-endian u32: which attack, how often, and how much each time.
;;   0 loop for ever
;;   1 grow three memories and a table: `often` rounds of `much` pages
;;   2 call `clock.now` `often` times
;;   3 write `often` log lines
;;   4 keep `much` bytes in the state; a refusal shows as the error `corrupt`
;;   5 make `collect` return `much` bytes
;;   6 read the state, which the host can let wait
;;   7 execute `unreachable`
;;   8 recurse without end
(component
  (import "bailiwick:plugin/log@0.1.0" (instance $log
    (type $level-type (enum "debug" "info" "warn" "error"))
    (export "level" (type $level (eq $level-type)))
    (export "write" (func (param "level" $level) (param "message" string)))))
  (import "bailiwick:plugin/clock@0.1.0" (instance $clock
    (export "now" (func (result u64)))))
  (import "bailiwick:plugin/state@0.1.0" (instance $state
    (type $error-type (variant
      (case "denied") (case "quota-exceeded" u64) (case "invalid-key") (case "unavailable")))
    (export "error" (type $error (eq $error-type)))
    (export "set" (func
      (param "key" string) (param "value" (list u8)) (result (result (error $error)))))
    (export "keys" (func (result (result (list string) (error $error)))))))

  ;; What host and guest pass lies in the first page: 0 to 63 results, 64 arguments.
  (core module $passing
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 64))
  (core instance $passing (instantiate $passing))
  (alias core export $passing "memory" (core memory $memory))
  (alias core export $passing "realloc" (core func $realloc))

  (core func $write (canon lower (func $log "write") (memory $memory)))
  (core func $now (canon lower (func $clock "now")))
  (core func $set (canon lower (func $state "set") (memory $memory)))
  (core func $keys (canon lower (func $state "keys") (memory $memory) (realloc $realloc)))

  (core module $attacks
    (import "passing" "memory" (memory $memory 1))
    (import "host" "write" (func $write (param i32 i32 i32)))
    (import "host" "now" (func $now (result i64)))
    (import "host" "set" (func $set (param i32 i32 i32 i32 i32)))
    (import "host" "keys" (func $keys (param i32)))
    (memory $a 0)
    (memory $b 0)
    (table $t 0 funcref)
    (global $output (mut i32) (i32.const 0))

    ;; Makes sure that `bytes` from address 0 are there.
    (func $reach (param $bytes i32)
      (local $pages i32)
      (local.set $pages
        (i32.add (i32.shr_u (local.get $bytes) (i32.const 16)) (i32.const 1)))
      (if (i32.gt_u (local.get $pages) (memory.size $memory))
        (then
          (if (i32.eq (i32.const -1) (memory.grow $memory
                (i32.sub (local.get $pages) (memory.size $memory))))
            (then unreachable)))))

    (func $spin
      (loop $again (br $again)))

    (func $recurse (call $recurse) (call $recurse))

    (func $grow (param $often i32) (param $much i32)
      (drop (table.grow $t (ref.null func) (i32.const 1024)))
      (loop $again
        (drop (memory.grow $a (local.get $much)))
        (drop (memory.grow $b (local.get $much)))
        (drop (memory.grow $memory (local.get $much)))
        (local.set $often (i32.sub (local.get $often) (i32.const 1)))
        (br_if $again (local.get $often))))

    (func $storm (param $often i32)
      (loop $again
        (drop (call $now))
        (local.set $often (i32.sub (local.get $often) (i32.const 1)))
        (br_if $again (local.get $often))))

    (func $flood (param $often i32)
      (loop $again
        (call $write (i32.const 1) (i32.const 128) (i32.const 5))
        (local.set $often (i32.sub (local.get $often) (i32.const 1)))
        (br_if $again (local.get $often))))

    (func (export "load") (param i32 i32) (param $state i32) (param $length i32) (result i32)
      (local $attack i32) (local $often i32) (local $much i32)
      (local.set $attack (i32.load (local.get $state)))
      (local.set $often (i32.load offset=4 (local.get $state)))
      (local.set $much (i32.load offset=8 (local.get $state)))
      ;; result: ok
      (i64.store (i32.const 0) (i64.const 0))
      (i64.store (i32.const 8) (i64.const 0))
      (if (i32.eq (local.get $attack) (i32.const 0)) (then (call $spin)))
      (if (i32.eq (local.get $attack) (i32.const 1))
        (then (call $grow (local.get $often) (local.get $much))))
      (if (i32.eq (local.get $attack) (i32.const 2)) (then (call $storm (local.get $often))))
      (if (i32.eq (local.get $attack) (i32.const 3)) (then (call $flood (local.get $often))))
      (if (i32.eq (local.get $attack) (i32.const 4))
        (then
          (call $reach (local.get $much))
          (call $set (i32.const 128) (i32.const 1) (i32.const 0) (local.get $much) (i32.const 32))
          ;; err(corrupt("")) if the state refused
          (if (i32.load8_u (i32.const 32))
            (then
              (i32.store (i32.const 0) (i32.const 1))
              (i32.store (i32.const 4) (i32.const 1))))))
      (if (i32.eq (local.get $attack) (i32.const 5)) (then (global.set $output (local.get $much))))
      (if (i32.eq (local.get $attack) (i32.const 6)) (then (call $keys (i32.const 32))))
      (if (i32.eq (local.get $attack) (i32.const 7)) (then unreachable))
      (if (i32.eq (local.get $attack) (i32.const 8)) (then (call $recurse)))
      (i32.const 0))

    (func (export "collect") (result i32)
      (call $reach (global.get $output))
      (i32.store (i32.const 0) (i32.const 0))
      (i32.store (i32.const 4) (i32.const 0))
      (i32.store (i32.const 8) (global.get $output))
      (i32.const 0))

    ;; An empty list, for `schema` and `save`.
    (func (export "nothing") (result i32)
      (i64.store (i32.const 0) (i64.const 0))
      (i32.const 0))

    (data (memory $memory) (i32.const 128) "probe"))

  (core instance $attacks (instantiate $attacks
    (with "passing" (instance $passing))
    (with "host" (instance
      (export "write" (func $write))
      (export "now" (func $now))
      (export "set" (func $set))
      (export "keys" (func $keys))))))

  (type $kind-type (enum "text" "boolean" "unsigned" "signed" "timestamp"))
  (export $kind "kind" (type $kind-type))
  (type $privacy-type (enum "none" "device" "personal"))
  (export $privacy "privacy" (type $privacy-type))
  (type $field-type (record
    (field "name" string) (field "kind" $kind) (field "unit" string)
    (field "quantum" u64) (field "privacy" $privacy)))
  (export $field "field" (type $field-type))
  (type $collection-type (record
    (field "name" string) (field "key-fields" u8) (field "fields" (list $field))))
  (export $collection "collection" (type $collection-type))
  (type $collect-error-type (variant (case "unavailable" string) (case "denied" string)))
  (export $collect-error "collect-error" (type $collect-error-type))
  (type $refusal-type (variant (case "incompatible" string) (case "corrupt" string)))
  (export $refusal "refusal" (type $refusal-type))

  (func $schema (result (list $collection))
    (canon lift (core func $attacks "nothing") (memory $memory)))
  (func $collect (result (result (list u8) (error $collect-error)))
    (canon lift (core func $attacks "collect") (memory $memory)))
  (func $save (result (list u8))
    (canon lift (core func $attacks "nothing") (memory $memory)))
  (func $load (param "from-version" string) (param "state" (list u8))
      (result (result (error $refusal)))
    (canon lift (core func $attacks "load") (memory $memory) (realloc $realloc)))

  (instance $exported-collect
    (export "kind" (type $kind))
    (export "privacy" (type $privacy))
    (export "field" (type $field))
    (export "collection" (type $collection))
    (export "collect-error" (type $collect-error))
    (export "schema" (func $schema))
    (export "collect" (func $collect)))
  (instance $exported-handover
    (export "refusal" (type $refusal))
    (export "save" (func $save))
    (export "load" (func $load)))
  (export "bailiwick:plugin/collect@0.1.0" (instance $exported-collect))
  (export "bailiwick:plugin/handover@0.1.0" (instance $exported-handover)))
