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
fault() { curl -gsf -X POST "$HCLOUD_V6_SIM_CONTROL/faults" -d "{\"spec\": \"$1\"}" >/dev/null; }
no_faults() { curl -gsf -X DELETE "$HCLOUD_V6_SIM_CONTROL/faults" >/dev/null; }
kinds="servers primary_ips firewalls networks placement_groups ssh_keys volumes load_balancers"
# What is left, by name; for messages.
left_names() { local k; for k in $kinds; do get "$k?per_page=50" | jq -r --arg k "$k" '.[$k][]|"\($k) \(.name)"'; done; }
all_objects() { local n=0 k; for k in $kinds; do n=$((n + $(count "$k"))); done; echo $n; }
none_left() { local n; n=$(all_objects); if [ "$n" = 0 ]; then ok "$1"; else left_names >"$tmp/out"; bad "$1" "$n objects"; fi; }
finish() { echo "$passed passed, $failed failed$([ $skipped = 0 ] || echo ", $skipped skipped")"; [ $failed = 0 ]; }
