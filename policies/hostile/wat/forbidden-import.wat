;; Imports an interface that no host offers. It is never called: importing it is enough.
(import "evil:host/shell@0.1.0" "run" (func $run (param i32 i32) (result i32)))
(func $evaluate (param $request i32) (result i32)
  (drop (call $run (i32.const 0) (i32.const 0)))
  (global.get $allow))
