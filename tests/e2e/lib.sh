# What every end-to-end test uses. A test is a bash script that runs inside a fresh simulated cloud (tests/e2e/run), sources this file, and ends
# with `finish`. The API is asked directly, never through the program that is under test.
set -u
passed=0 failed=0 skipped=0
ok() { passed=$((passed + 1)); echo "ok $1"; }
bad() { failed=$((failed + 1)); echo "FAIL $1${2:+: $2}"; [ ! -s "$tmp/out" ] || tail -n 12 "$tmp/out" | sed 's/^/    /'; }
skip() { skipped=$((skipped + 1)); echo "skip $1: $2"; }
is() { if [ "$2" = "$3" ]; then ok "$1"; else bad "$1" "'$2', not '$3'"; fi; }
has() { if grep -qE -- "$2" "$tmp/out"; then ok "$1"; else bad "$1" "no line matches '$2'"; fi; }
lacks() { if grep -qE -- "$2" "$tmp/out"; then bad "$1" "a line matches '$2'"; else ok "$1"; fi; }
# Runs a command with its words into $tmp/out; prints the exit status.
run() { "$@" >"$tmp/out" 2>&1 </dev/null; echo $?; }
# The API: GET, whole answer; number of objects of a kind.
get() { curl -gsf -H "Authorization: Bearer $HCLOUD_TOKEN" "$HCLOUD_ENDPOINT/$1"; }
api() { curl -gs -X "$1" -H "Authorization: Bearer $HCLOUD_TOKEN" -H 'Content-Type: application/json' ${3:+-d "$3"} "$HCLOUD_ENDPOINT/$2"; }
count() { get "$1?per_page=50" | jq .meta.pagination.total_entries; }
state() { curl -gsf "$HCLOUD_V6_SIM_CONTROL/state"; }
fault() { curl -gsf -X POST "$HCLOUD_V6_SIM_CONTROL/faults" -d "{\"spec\": \"$1\"}" >/dev/null || bad "the simulator refuses the fault $1"; }
no_faults() { curl -gsf -X DELETE "$HCLOUD_V6_SIM_CONTROL/faults" >/dev/null; }
kinds="servers primary_ips firewalls networks placement_groups ssh_keys volumes load_balancers"
# What is left, by name; for messages.
left_names() { local k; for k in $kinds; do get "$k?per_page=50" | jq -r --arg k "$k" '.[$k][]|"\($k) \(.name)"'; done; }
all_objects() { local n=0 k; for k in $kinds; do n=$((n + $(count "$k"))); done; echo $n; }
none_left() { local n; n=$(all_objects); if [ "$n" = 0 ]; then ok "$1"; else left_names >"$tmp/out"; bad "$1" "$n objects"; fi; }
# The cluster's secrets outlast a destroy, so that the next up need not make an RSA key again: seconds each. Then: everything removed, secrets back.
keep_secrets() { mkdir -p "$tmp/kept"; cp -p "$XDG_STATE_HOME/hcloud-v6/default/"{vault,key} "$tmp/kept/"; }
put_secrets() { mkdir -p "$XDG_STATE_HOME/hcloud-v6/default"; cp -p "$tmp/kept/"* "$XDG_STATE_HOME/hcloud-v6/default/"; }
afresh() { no_faults; hcloud-v6 destroy --yes --volumes --load-balancers >/dev/null 2>&1 </dev/null; rm -rf "$XDG_STATE_HOME/hcloud-v6/default"; put_secrets; }
# The Kubernetes API with the written kubeconfig: kube /api/v1/nodes [curl's options]
kube() {
  local path=$1 config="$XDG_STATE_HOME/hcloud-v6/default/kubeconfig" k; shift
  for k in certificate-authority client-certificate client-key; do sed -n "s/.*$k-data: //p" "$config" | base64 -d >"$tmp/$k"; done
  curl -gsf --cacert "$tmp/certificate-authority" --cert "$tmp/client-certificate" --key "$tmp/client-key" "$@" "$(sed -n 's/.*server: //p' "$config")$path"
}
# What kube-system has of Deployments goes to the control plane, so that a worker is empty when its own pods are gone: the scaler lets young ones alone.
aside() {
  local d i
  for d in coredns cilium-operator; do
    kube "/apis/apps/v1/namespaces/kube-system/deployments/$d" -X PATCH -H 'Content-Type: application/merge-patch+json' -o /dev/null \
      -d '{"spec":{"template":{"spec":{"nodeSelector":{"node-role.kubernetes.io/control-plane":""}}}}}'
  done
  for i in $(seq 300); do
    [ "$(kube /api/v1/namespaces/kube-system/pods | jq '[.items[]|select(any(.metadata.ownerReferences[]?;.kind=="ReplicaSet") and ((.spec.nodeName//"")|test("control-plane")|not))]|length')" = 0 ] && return
    read -rt 0.05 <> <(:) || :
  done
  bad "the pods of kube-system move to the control plane"
}
# The machine config that a server got as user_data, and a server's own view of things.
config_of() { state | jq -r --arg n "$1" '.servers[]|select(.name==$n).user_data // ""' | base64 -d | gunzip; }
server() { state | jq -c --arg n "$1" ".servers[]|select(.name==\$n)|$2"; }
# One check: every exchange of a trace with the Hetzner API agrees with its OpenAPI description.
as_described() { # TRACE
  local name="every exchange is as the API describes it" python
  [ -f "$top/../shared/data/hcloud-openapi.json" ] || { skip "$name" "the description is not beside this tree"; return; }
  python=$(cd "$top" && tests/interop/witness hcloud-python 2>"$tmp/why") || { skip "$name" "$(cat "$tmp/why")"; return; }
  is "$name" "$(run "$python" -B "$top/tests/interop/openapi_check.py" "$1" "$top/../shared/data/hcloud-openapi.json")" 0
}
finish() { echo "$passed passed, $failed failed$([ $skipped = 0 ] || echo ", $skipped skipped")"; [ $failed = 0 ]; }
