;; The rest of a policy in WebAssembly text: `describe`, `configure`, memory, and an answer `allow`.
;; It follows a rule's own text, which defines `$evaluate` and comes first because of its imports.
(memory (export "memory") 64)
(global $allow i32 (i32.const 2048))
(global $free (mut i32) (i32.const 65536))

(data (i32.const 1024) "NAME")
(data (i32.const 1280) "0.1.0")
(data (i32.const 1312) "{}")
;; description { name, version, summary, settings-schema }: address and length of each.
(data (i32.const 1536)
  "\00\04\00\00" "LENG" "\00\05\00\00" "\05\00\00\00" "\00\04\00\00" "LENG" "\20\05\00\00" "\02\00\00\00")
;; ok(decision { allow, "{}" })
(data (i32.const 2052) "\01")
(data (i32.const 2084) "\20\05\00\00" "\02\00\00\00")

(func (export "writ:host/policy@0.1.0#describe") (result i32)
  (i32.const 1536))
;; ok, which is a zero byte.
(func (export "writ:host/policy@0.1.0#configure") (param $settings i32) (param $bytes i32) (result i32)
  (i32.const 1792))
(export "writ:host/policy@0.1.0#evaluate" (func $evaluate))
;; Memory is never given back: an instance serves one evaluation.
(func (export "cabi_realloc")
  (param $old i32) (param $old-bytes i32) (param $align i32) (param $bytes i32) (result i32)
  (local $start i32)
  (local.set $start (i32.and (i32.add (global.get $free) (i32.const 15)) (i32.const -16)))
  (global.set $free (i32.add (local.get $start) (local.get $bytes)))
  (local.get $start))
