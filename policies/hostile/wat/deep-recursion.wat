;; Calls itself without end. In WebAssembly text, since a compiler might make a loop of it.
(func $evaluate (param $request i32) (result i32)
  (i32.add (call $evaluate (local.get $request)) (i32.const 1)))
