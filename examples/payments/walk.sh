#!/usr/bin/env bash
# The whole road of a payment, with curl and with the command line.
#
# WRIT_SERVER is a server that runs with this folder's writ.toml; WRIT_KEY the key of one of its
# operators. WRIT is the program, `writ` where it is not set. It may be walked again and again.
set -euo pipefail
writ=${WRIT:-writ}
server=${WRIT_SERVER:-http://127.0.0.1:8181}
operator=${WRIT_KEY:?"put an operator's key into WRIT_KEY"}

say() { printf '\n# %s\n' "$1"; }
# The first field of a name in a JSON text.
field() { grep -o "\"$1\":\"[^\"]*\"" | head -n 1 | cut -d '"' -f 4; }
# A request of somebody: key, method, path, body.
call() { curl --silent --show-error -X "$2" "$server$3" -H "Authorization: Bearer $1" \
  -H 'Content-Type: application/json' ${4:+--data "$4"} "${@:5}"; }

say 'Three keys: of the agent that pays, of somebody in finance, of a director.'
agent=$(WRIT_KEY=$operator $writ keys create --server "$server" --name shop --role agent)
ann=$(WRIT_KEY=$operator $writ keys create --server "$server" --name ann --role approver --group finance)
dora=$(WRIT_KEY=$operator $writ keys create --server "$server" --name dora --role approver)

payment() {
  printf '{"subject":{"type":"agent","id":"shop"},"action":{"name":"pay","properties":{"amount":%s,"to":"ACME"}},"resource":{"type":"account","id":"main"}}' "$1"
}

say 'A small payment is allowed at once.'
small=$(call "$agent" POST /v1/executions "$(payment 20)")
echo "$small"
[ "$(field status <<< "$small")" = allowed ]

say 'The agent claims it with exactly what was allowed, pays, and reports.'
id=$(field id <<< "$small")
claim=$(call "$agent" POST "/v1/executions/$id/claim" '{"action":{"name":"pay","properties":{"amount":20,"to":"ACME"}}}')
echo "$claim"
permit=$(field permit <<< "$claim")
call "$agent" POST "/v1/executions/$id/report" "{\"permit\":\"$permit\",\"outcome\":\"succeeded\",\"result\":{\"receipt\":1}}"
echo

invoice="invoice-$(date +%s)-$$"
say 'A large payment waits for people. Sent again with its key, it is the same execution.'
large=$(call "$agent" POST /v1/executions "$(payment 12000)" -H "Idempotency-Key: $invoice")
again=$(call "$agent" POST /v1/executions "$(payment 12000)" -H "Idempotency-Key: $invoice")
[ "$(field status <<< "$large")" = awaiting-approval ]
id=$(field id <<< "$large")
[ "$(field id <<< "$again")" = "$id" ]

say 'Ann sees what she is asked, and must say why she agrees.'
WRIT_KEY=$ann $writ approvals list --server "$server"
asked=$(WRIT_KEY=$ann $writ approvals list --server "$server" --json | tr -d ' \n' | field id)
if WRIT_KEY=$ann $writ approvals approve "$asked" --server "$server"; then exit 1; fi
WRIT_KEY=$ann $writ approvals approve "$asked" --server "$server" --reason 'the goods have arrived'

say 'The director agrees over HTTP.'
asked=$(call "$dora" GET /v1/approvals | field id)
call "$dora" POST "/v1/approvals/$asked/decision" '{"decision":"approve"}'
echo

say 'Another amount than the one that people agreed to is refused.'
other=$(call "$agent" POST "/v1/executions/$id/claim" '{"action":{"name":"pay","properties":{"amount":999999,"to":"ACME"}}}')
echo "$other"
[ "$(field code <<< "$other")" = action-changed ]

say 'The very action begins, once.'
digest=$(call "$agent" GET "/v1/executions/$id" | field digest)
claim=$(call "$agent" POST "/v1/executions/$id/claim" "{\"digest\":\"$digest\"}")
permit=$(field permit <<< "$claim")
again=$(call "$agent" POST "/v1/executions/$id/claim" "{\"digest\":\"$digest\"}")
[ "$(field code <<< "$again")" = not-now ]
done=$(call "$agent" POST "/v1/executions/$id/report" "{\"permit\":\"$permit\",\"outcome\":\"succeeded\",\"result\":{\"receipt\":2}}")
[ "$(field status <<< "$done")" = succeeded ]

say 'What happened, as the operator sees it.'
WRIT_KEY=$operator $writ executions list --server "$server"
WRIT_KEY=$operator $writ executions events "$id" --server "$server"
