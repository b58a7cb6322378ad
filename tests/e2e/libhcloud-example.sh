#!/bin/sh
# Installs libhcloud alone, takes the example out of docs/libhcloud.md, builds it with pkg-config against the installed files only, and runs it:
#   libhcloud-example.sh HCLOUD-V6-SIM     against a simulated cloud that it starts and stops
#   HCLOUD_ENDPOINT=… libhcloud-example.sh against that endpoint
#   libhcloud-example.sh                   builds only, and sees that the program refuses to start without a token
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
sim_pid=
finish() {
        [ -z "$sim_pid" ] || { kill "$sim_pid" 2>/dev/null || :; wait "$sim_pid" 2>/dev/null || :; }
        rm -rf "$work"
}
trap finish EXIT

meson setup "$work/build" "$root" --prefix=/usr -Dsimulator=false -Dtests=false >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
library=$(cd "$work/build" && ninja -t targets all | sed -n 's/^\(src\/hcloud\/libhcloud\.so[0-9.]*\): .*/\1/p' | head -n 1)
ninja -C "$work/build" "$library" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
meson install -C "$work/build" --no-rebuild --tags libhcloud,devel --destdir "$work/installed" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }

pc=$(find "$work/installed" -name hcloud.pc)
[ -n "$pc" ] || { echo "hcloud.pc was not installed"; exit 1; }
libdir=$(dirname "$(dirname "$pc")")
sed -n '/<!-- example begin/,/<!-- example end/p' "$root/docs/libhcloud.md" | sed '/^<!--/d; /^```/d' >"$work/example.c"
flags=$(PKG_CONFIG_LIBDIR="$(dirname "$pc")" PKG_CONFIG_SYSROOT_DIR="$work/installed" pkg-config --cflags --libs hcloud)
# shellcheck disable=SC2086 # several flags in one word
(cd "$work" && cc -std=c11 -Wall -Wextra -Werror -o example example.c $flags)
for header in "$work/installed/usr/include/hcloud/"*.h; do
        echo "#include <hcloud/$(basename "$header")>" >"$work/alone.c"
        # shellcheck disable=SC2086
        cc -std=c11 -Wall -Wextra -Wstrict-prototypes -Werror -fsyntax-only $flags "$work/alone.c"
done
export LD_LIBRARY_PATH="$libdir"

if [ -z "${1:-}" ] && [ -z "${HCLOUD_ENDPOINT:-}" ]; then
        if env -u HCLOUD_TOKEN "$work/example" 2>"$work/said"; then
                echo "the example ran without a token"
                exit 1
        fi
        grep -q 'no token' "$work/said"
        echo "built against the installed library; not run: no endpoint given"
        exit 0
fi
if [ -n "${1:-}" ]; then
        port=${LIBHCLOUD_EXAMPLE_PORT:-18931}
        "$1" serve --listen "[::1]:$port" --speed instant >"$work/sim.log" 2>&1 &
        sim_pid=$!
        export HCLOUD_ENDPOINT="http://[::1]:$port/v1" HCLOUD_TOKEN="${HCLOUD_TOKEN:-$(printf '%064d' 7)}"
        tries=0
        until curl -s -o /dev/null -g "$HCLOUD_ENDPOINT/locations"; do
                tries=$((tries + 1))
                [ "$tries" -lt 100 ] && kill -0 "$sim_pid" || { echo "the simulator did not start:"; cat "$work/sim.log"; exit 1; }
                sleep 0.1
        done
fi
said=$("$work/example")
echo "$said"
[ "$said" = "libhcloud-example: 1 rule(s)" ]
