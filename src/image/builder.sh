# Runs on the builder, in Hetzner's rescue system, as root. $disk, $urls, $packing and $wanted are set by what stands before this.
set -uo pipefail
export LC_ALL=C
fail() { echo "$*" >&2; exit 1; }
say() { echo "hcloud-v6 $*"; }
have() { command -v "$1" >/dev/null 2>&1; }

[ -e "$disk" ] || fail "there is no disk $disk"
case $(findmnt -nro SOURCE / 2>/dev/null) in "$disk"*) fail "the running system lies on $disk itself: this is not the rescue system" ;; esac
work=$(mktemp -d) || fail "no room for a temporary folder"
jobs=()
tidy() { [ ${#jobs[@]} = 0 ] || kill "${jobs[@]}" 2>/dev/null; rm -rf "$work"; }
trap tidy EXIT

# What unpacks a packing, with all cores where the program can.
unpacker() {
  case $1 in
    xz) have xz && echo "xz -dc -T0" ;;
    zst) have zstd && echo "zstd -dcq --long=31" ;;
    gz) if have pigz; then echo "pigz -dc"; else have gzip && echo "gzip -dc"; fi ;;
    raw) echo "cat" ;;
    *) false ;;
  esac
}
# Hashes standard input, "HEX …". Debian's sha256sum knows nothing of the processor's own instructions: it takes five times as long as OpenSSL, and was what the whole
# pipeline waited for. OpenSSL is asked for the checksum of nothing first, which is known.
nothing=e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
if [ "$(openssl dgst -sha256 -r </dev/null 2>/dev/null | cut -d' ' -f1)" = $nothing ]; then sum="openssl dgst -sha256 -r"
elif have sha256sum; then sum=sha256sum
else fail "the rescue system has neither openssl nor sha256sum"; fi
named() { case ${1%%\?*} in *.xz) echo xz ;; *.zst) echo zst ;; *.gz) echo gz ;; *) echo raw ;; esac; }
# Headers of an address into $work/head; fails when it is not there. The image factory makes an image when it is first asked for it, which takes minutes.
look() { curl -fsSLI --retry 3 --connect-timeout 20 --max-time 600 -o "$work/head" "$1" 2>"$work/look"; }

total=0
: >"$work/head"
if [ -n "$urls" ]; then
  have curl || fail "the rescue system has no curl"
  source=
  for url in $urls; do
    packing=$(named "$url")
    unpack=$(unpacker "$packing") || { tried="$packing cannot be unpacked here"; continue; }
    if look "$url"; then source=$url; break; fi
    tried=$(tail -n 1 "$work/look")
  done
  [ -n "$source" ] || fail "no image can be downloaded: ${tried:-no address}"
  total=$(tr -d '\r' <"$work/head" | sed -n 's/^[Cc]ontent-[Ll]ength: *//p' | tail -n 1)
  say "from $source"
else
  unpack=$(unpacker "$packing") || fail "the rescue system has nothing that unpacks $packing"
fi

# Without a discard, blocks that the image leaves out would keep what was there before.
sparse=,sparse
blkdiscard -f "$disk" 2>"$work/discard" || { sparse=; say "note the disk cannot be emptied at once ($(head -n 1 "$work/discard")); every block is written"; }
direct=oflag=direct
dd if=/dev/zero of="$disk" bs=4096 count=1 conv=notrunc $direct 2>/dev/null || direct=

mkfifo "$work/packed" "$work/raw" || fail "no pipes can be made"
$sum <"$work/packed" >"$work/packed.sum" & jobs+=($!)
$sum <"$work/raw" >"$work/raw.sum" & jobs+=($!)
sums=("${jobs[@]}")
fetch() { echo $BASHPID >"$work/fetch.pid"; if [ -n "$urls" ]; then exec curl -fsSL --connect-timeout 20 --speed-limit 1 --speed-time 60 "$source"; else exec cat; fi; }
store() { echo $BASHPID >"$work/store.pid"; exec dd of="$disk" bs=4M iflag=fullblock $direct conv=notrunc,fsync$sparse; }
# Every second: bytes that came, bytes there are, bytes on the disk.
watch() {
  while sleep 1; do
    came=$(sed -n 's/^wchar: //p' "/proc/$(cat "$work/fetch.pid")/io" 2>/dev/null)
    stored=$(sed -n 's/^pos:[[:space:]]*//p' "/proc/$(cat "$work/store.pid")/fdinfo/1" 2>/dev/null)
    say "progress ${came:-0} ${total:-0} ${stored:-0}"
  done
}
watch 2>/dev/null & jobs+=($!)
fetch 2>"$work/fetch.err" | tee "$work/packed" | $unpack 2>"$work/unpack.err" | tee "$work/raw" | store 2>"$work/store.err"
codes=("${PIPESTATUS[@]}")
wait "${sums[@]}"

# The first that failed of itself is the cause: those before it then lose their reader (141, curl's 23), those after it their input.
why() { tail -n 1 "$work/$1.err"; }
case ${codes[0]} in 0 | 141 | 23) ;; *) fail "the download broke off: $(why fetch)" ;; esac
case ${codes[2]} in
  0 | 141) ;;
  *) type=$(tr -d '\r' <"$work/head" 2>/dev/null | sed -n 's/^[Cc]ontent-[Tt]ype: *//p' | tail -n 1)
     fail "what came is no whole image packed with ${unpack%% *}${type:+ (its type is $type)}: $(why unpack)" ;;
esac
[ "${codes[4]}" = 0 ] || fail "the disk cannot be written: $(grep '^dd:' "$work/store.err" | tail -n 1)"
for code in "${codes[@]}"; do [ "$code" = 0 ] || fail "a part of the pipeline ended with ${codes[*]}"; done

packed=$(cut -d' ' -f1 <"$work/packed.sum") raw=$(cut -d' ' -f1 <"$work/raw.sum")
case $wanted in "" | "$packed" | "$raw") ;; *) fail "the image has the wrong checksum: wanted $wanted; packed it is $packed, unpacked $raw" ;; esac
say "done $packed $raw $(sed -n 's/ bytes.*copied.*//p' "$work/store.err")"
