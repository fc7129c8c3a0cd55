(component
  (import "bailiwick:plugin/files@0.9.0" (instance (export "read" (func))))
  (instance $collect)
  (export "bailiwick:plugin/collect@0.1.0" (instance $collect))
)
