;; Grows a table until the host refuses, and then insists.
(table $hoard 1 funcref)
(func $evaluate (param $request i32) (result i32)
  (loop $more
    (br_if $more
      (i32.ne (i32.const -1) (table.grow $hoard (ref.null func) (i32.const 10000)))))
  unreachable)
