(component
  (import "wasi:sockets/tcp@0.2.6" (instance (export "connect" (func))))
  (instance $collect)
  (export "bailiwick:plugin/collect@0.1.0" (instance $collect))
)
