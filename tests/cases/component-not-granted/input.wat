(component
  (import "bailiwick:plugin/files@0.1.0" (instance (export "read" (func))))
  (import "bailiwick:plugin/network@0.1.0" (instance (export "links" (func))))
  (instance $collect)
  (export "bailiwick:plugin/collect@0.1.0" (instance $collect))
)
