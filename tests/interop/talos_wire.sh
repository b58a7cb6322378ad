# What talos-wire.test and talos-wire-up.test share: the witnesses, and running talos_wire.py with its checks counted.
witness=$(tests/interop/witness talos-node 2>"$tmp/why") || { skip "a node of Talos' own services" "$(cat "$tmp/why")"; finish; exit; }
talosctl=$(tests/interop/witness talosctl 2>/dev/null) || talosctl=-
wire() { # PART…
  local program
  program=$(command -v hcloud-v6)
  python3 tests/interop/talos_wire.py "$program" "$(dirname "$program")/tests/interop/talos-wire" "$witness" "$talosctl" "$tmp/wire" "$@" | tee "$tmp/all" | grep -vE '^[0-9]+ passed'
  set -- $(tail -n 1 "$tmp/all" | tr -dc '0-9 ')
  passed=$((passed + ${1:-0})) failed=$((failed + ${2:-1}))
}
