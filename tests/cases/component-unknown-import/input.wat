(component
  (import "acme:secrets/vault@1.0.0" (instance (export "open" (func))))
  (instance $collect)
  (export "bailiwick:plugin/collect@0.1.0" (instance $collect))
)
