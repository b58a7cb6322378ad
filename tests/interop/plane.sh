# Sourced by the tests that need a real control plane with the program's own authorities: plane_start NAME makes secrets, config and kubeconfig of cluster NAME with
# the product, starts the programs on [::1] (tests/interop/control-plane) and sets KUBECONFIG, $kubectl and $plane; plane_end ends them.
tools=$(dirname "$(command -v hcloud-v6)")/tests/interop plane=$tmp/plane kubectl=

# need WITNESS…: skips and ends the test when one is missing; $WITNESS-path is printed by `witness`
need() {
  local name
  for name in "$@"; do
    tests/interop/witness "$name" >/dev/null 2>"$tmp/why" || { skip "$name" "$(cat "$tmp/why")"; finish; exit; }
  done
}
plane_config() { # NAME: the control plane's machine config as JSON
  local dir=$tmp/$1-config
  hcloud-v6 config render "$dir" --cluster "$1" --endpoint 'https://[::1]:6443' --node "$1-control-plane-1=2001:db8:1::1" >/dev/null &&
    jq -Rsc '{op: "json", config: .}' "$dir/$1-control-plane-1.yaml" | "$tools/talos-batch" | jq -r .text
}
plane_start() { # NAME
  kubectl=$(tests/interop/witness kubectl)
  is "secrets of cluster $1" "$(run hcloud-v6 secrets create --cluster "$1")" 0
  plane_config "$1" >"$tmp/$1.json"
  trap plane_end EXIT
  is "etcd, API server and controller manager run with the program's authorities" "$(run tests/interop/control-plane start "$plane" "$tmp/$1.json")" 0
  export KUBECONFIG=$tmp/$1.kubeconfig
  is "its kubeconfig is made" "$(run hcloud-v6 kubeconfig --cluster "$1" --endpoint 'https://[::1]:6443')" 0
  cp "$tmp/out" "$KUBECONFIG"
}
plane_end() { tests/interop/control-plane stop "$plane"; }
