(component
  (import "bailiwick:plugin/log@0.1.0" (instance (export "write" (func))))
  (core module (memory 17))
  (instance $collect)
  (export "bailiwick:plugin/collect@0.1.0" (instance $collect))
)
