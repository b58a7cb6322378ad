"""What secrets.test watches and searches with.

    secrets.py run FOLDER [--umask OCTAL] [--type FILE] -- COMMAND…   runs it, its output into FOLDER/output, and notes while it runs: arguments and
                environments of it and of all its children, and what lies below the roots (FOLDER/../roots has them, a line each); FOLDER/rounds counts the looks. --type: at a
                terminal, where what FILE says is typed each time a passphrase is asked for. The exit status is the command's.
    secrets.py look FOLDER    searches what all runs left below FOLDER, and the files there, for every secret; a line for each find.
    secrets.py prove FOLDER   plants each secret in each form, and says which of them the search misses.
    secrets.py crash SIGNAL COMMAND…   lets it die by that signal, with room for a core, when it has written something: "core" or "none".
    secrets.py owner PROGRAM ARGUMENTS…   as another user, until it reads its input: who owns what /proc tells about it, "root" or "user".
"""
import base64, binascii, gzip, json, os, pty, re, resource, select, signal, stat, subprocess, sys, time, zlib

TOKEN = os.environ.get("HCLOUD_TOKEN", "")
# A worker needs what lets it join; keys of authorities it does not get, and a control plane's config rests nowhere.
JOINS = {"cluster.secret", "secrets.bootstraptoken", "trustdinfo.token"}


def read(*path):
    try:
        with open(os.path.join(*path), "rb") as f:
            return f.read()
    except OSError:
        return b""


# ---- running and watching ----

def family(pid):
    found, new = [], [pid]
    while new:
        p = new.pop()
        found.append(p)
        try:
            for task in os.listdir("/proc/%d/task" % p):
                new += [int(c) for c in read("/proc/%d/task/%s/children" % (p, task)).split()]
        except OSError:
            pass
    return found


def sample(pid, seen):
    for p in family(pid):
        try:
            own = p == pid or os.path.basename(os.readlink("/proc/%d/exe" % p)).startswith("hcloud-v6")
        except OSError:
            continue
        seen["arguments"].add(read("/proc/%d/cmdline" % p))
        for line in read("/proc/%d/environ" % p).split(b"\0"):
            seen["environment of hcloud-v6" if own else "environment of children"].add(line)
        limits = re.search(rb"Max core file size +(\d+|unlimited)", read("/proc/%d/limits" % p))
        if own and limits:
            seen["limits"].add(limits[1])


def walk(roots, seen):
    for root in roots:
        for top, folders, files in os.walk(root):
            for name in folders + files:
                path = os.path.join(top, name)
                try:
                    st = os.lstat(path)
                except OSError:
                    continue
                if stat.S_ISLNK(st.st_mode):
                    continue
                seen["modes"].add(b"%04o %s" % (st.st_mode & 0o777, path.encode()))
                if stat.S_ISREG(st.st_mode) and root.endswith("/scratch") and (path, st.st_size) not in seen["read"]:
                    seen["read"].add((path, st.st_size))
                    seen["temporary files"].add(read(path))


children = []                   # kept: a Popen that is dropped takes the status of a child that has ended, and leaves none for who waits


def start(command, umask, typed, output):
    if not typed:
        children.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, preexec_fn=lambda: os.umask(umask)))
        return children[-1].pid, -1
    pid, terminal = pty.fork()
    if pid == 0:
        os.umask(umask)
        os.execvp(command[0], command)
    return pid, terminal


def run(folder, words):
    umask, typed = 0o022, b""
    while words[0] != "--":
        umask, typed = (int(words[1], 8), typed) if words[0] == "--umask" else (umask, read(words[1]).strip())
        words = words[2:]
    os.makedirs(folder)
    roots = read(folder, "..", "roots").decode().split()
    names = ("arguments", "environment of hcloud-v6", "environment of children", "modes", "limits", "temporary files")
    seen, status, asked = {n: set() for n in names + ("read",)}, None, 0
    rounds = 0
    with open(os.path.join(folder, "output"), "wb") as output:
        pid, terminal = start(words[1:], umask, typed, output)
        said = b""
        while status is None:
            sample(pid, seen)
            walk(roots, seen)
            if terminal >= 0 and select.select([terminal], [], [], 0)[0]:
                try:
                    piece = os.read(terminal, 65536)
                except OSError:
                    piece, terminal = b"", -1
                output.write(piece)
                said += piece
                if len(re.findall(rb"assphrase (?:of|for) cluster '\w+' ", said)) > asked:
                    asked += 1
                    os.write(terminal, typed + b"\n")
            done, code = os.waitpid(pid, os.WNOHANG)
            status, rounds = code if done else None, rounds + 1
            with open(os.path.join(folder, "rounds"), "w") as f:
                f.write(str(rounds))
    walk(roots, seen)
    for name in names:
        with open(os.path.join(folder, name), "wb") as f:
            f.write(b"\n".join(sorted(s.replace(b"\0", b"\n") if name == "arguments" else s for s in seen[name])))
    return os.waitstatus_to_exitcode(status) & 255


# ---- what is secret, in which forms ----

def bundle(text):
    found, path = {}, []
    for line in text.splitlines():
        m = re.match(r"( *)(\w+): *(\S*)$", line)
        if not m:
            continue
        path = [p for p in path if p[0] < len(m[1])] + [(len(m[1]), m[2])]
        if m[3] and m[2] not in ("crt", "id"):
            found[".".join(k for _, k in path)] = m[3].strip('"')
    return found


def secrets_of(folder):
    found = bundle(read(folder, "bundle.yaml").decode())
    found.update({"other " + k: v for k, v in bundle(read(folder, "other.yaml").decode()).items()})
    for name, path, pattern in (("kubeconfig's key", "kubeconfig", rb"client-key-data: (\S+)"), ("talosconfig's key", "talosconfig", rb"^ +key: (\S+)")):
        for i, m in enumerate(re.findall(pattern, read(folder, path), re.M)):
            found["%s %d" % (name, i + 1)] = m.decode()
    found["vault's key"] = read(folder, "state/hcloud-v6/default/key").decode().strip() or read(folder, "kept/key").decode().strip()
    found["passphrase"] = read(folder, "passphrase").decode().strip()
    found["cloud's token"] = TOKEN
    return {k: v for k, v in found.items() if v}


def integers(der):
    """The numbers of an RSA key (RFC 8017, A.1.2), or the octet strings in others."""
    at, out = 0, []
    while at + 2 <= len(der):
        tag, size, head = der[at], der[at + 1], 2
        if size & 0x80:
            head += size & 0x7f
            size = int.from_bytes(der[at + 2:at + head], "big")
        if tag == 0x30:
            at += head
            continue
        if tag in (2, 4):
            out.append(der[at + head:at + head + size])
        at += head + size
    return out


def cores(value):
    """The bytes that matter in a value: itself, and what is inside of base64, hexadecimal digits, PEM and DER."""
    found = {value.encode()}
    if re.fullmatch(r"[a-z0-9]{6}\.[a-z0-9]{16}", value):
        found.add(value.split(".")[1].encode())
    if re.fullmatch(r"[0-9a-f]{64}", value):
        found.add(bytes.fromhex(value))
    try:
        inner = base64.b64decode(value, validate=True)
    except (ValueError, binascii.Error):
        return found
    if not inner.startswith(b"-----"):
        return found | ({inner} if len(inner) >= 16 else set())
    lines = [l for l in inner.splitlines() if l and not l.startswith(b"-")]
    der = base64.b64decode(b"".join(lines))
    found |= {inner, der}
    if b"RSA" in inner:
        numbers = integers(der)
        found |= {n[8:40] for n in numbers[3:6]}                 # d, p, q; the modulus is public
        first = der.find(numbers[3]) * 4 // 3 // 64 + 1
        found |= {l for l in lines[first:] if len(l) == 64}
    else:
        found |= {s[-32:] for s in integers(der) if len(s) >= 32}     # Ed25519's seed, an elliptic curve's number
        found.add(lines[0])
    return found


def encoded(data):
    """As it is, and as base64 wherever it begins in a larger text, and as hexadecimal digits."""
    yield data
    yield data.hex().encode()
    yield data.hex().upper().encode()
    for shift, lost in ((0, 0), (1, 2), (2, 3)):
        text = base64.b64encode(b"\0" * shift + data)
        text = text[lost:len(text) - (4 if (shift + len(data)) % 3 else 0)]
        yield text
        yield text.translate(bytes.maketrans(b"+/", b"-_"))


# Of keys that this search does not know: the image builder's SSH key among them.
MARKS = {"a private key": [b"PRIVATE KEY", b"openssh-key-v1"]}


def needles(secrets):
    out = {}
    for name, value in secrets.items():
        out[name] = {f for c in cores(value) for f in encoded(c) if len(f) >= 12 or c == value.encode()}
    for name, marks in MARKS.items():
        out[name] = {f for m in marks for f in encoded(m)}
    return out


def unfold(text, depth=3):
    """The text, and what is packed or escaped in it."""
    yield text
    if depth == 0:
        return
    if b"\\" in text:
        plain = text.replace(b"\\n", b"\n").replace(b"\\/", b"/").replace(b'\\"', b'"').replace(b"\\u002b", b"+").replace(b"\\u003d", b"=")
        if plain != text:
            yield from unfold(plain, depth - 1)
    if b"%2" in text or b"%3" in text:
        yield re.sub(rb"%([0-9A-Fa-f]{2})", lambda m: bytes.fromhex(m[1].decode()), text)
    for m in re.finditer(rb"\x1f\x8b\x08", text):
        try:
            yield from unfold(zlib.decompressobj(31).decompress(text[m.start():]), depth - 1)
        except zlib.error:
            pass
    for m in re.finditer(rb"H4sI[A-Za-z0-9+/_-]{20,}", text):
        try:
            run = m[0].translate(bytes.maketrans(b"-_", b"+/"))
            yield from unfold(base64.b64decode(run[:len(run) // 4 * 4]), depth - 1)
        except (ValueError, binascii.Error):
            pass
    # PEM in which a line end stands after every 64 characters, and any base64 that was broken into lines.
    joined = re.sub(rb"(?<=[A-Za-z0-9+/]{20})\r?\n *(?=[A-Za-z0-9+/])", b"", text)
    if joined != text:
        yield joined


def search(all_needles, text, allowed=()):
    pieces = list(unfold(text))
    return [name for name, forms in all_needles.items() if name not in allowed and any(f in p for p in pieces for f in forms)]


# ---- the places ----

def places(folder):
    """Each place: its name, what is in it, and which secrets belong there."""
    seen = os.path.join(folder, "seen")
    for name in sorted(os.listdir(seen)):
        if not os.path.isdir(os.path.join(seen, name)):
            continue
        for what in ("arguments", "environment of children", "temporary files"):
            yield "%s of %s" % (what, name), read(seen, name, what), ()
        own = b"\n".join(l for l in read(seen, name, "environment of hcloud-v6").splitlines() if not l.startswith(b"HCLOUD_TOKEN="))
        yield "environment of %s" % name, own, ()
        if not name.startswith("asked "):
            yield "output of %s" % name, read(seen, name, "output"), ()
    for name in ("timings.json", "scale.json", "record.json", "scale.prom", "sim-trace.jsonl", "systemd"):
        yield name, read(folder, name), ()
    state = json.loads(read(folder, "state.json") or b'{"servers": []}')
    for s in state["servers"]:
        if s.get("user_data"):
            yield "user_data of " + s["name"], gzip.decompress(base64.b64decode(s.pop("user_data"))), JOINS if "worker" in s["name"] else ()
    yield "the cloud's objects", json.dumps(state).encode(), ()
    yield "Kubernetes' objects", read(folder, "kubernetes.json"), {"secrets.bootstraptoken"}
    belongs = {"key": {"vault's key"}, "kubeconfig": {"kubeconfig's key 1", "a private key"}, "talosconfig": {"talosconfig's key 1", "a private key"}}
    for root in read(seen, "roots").decode().split():
        for top, _, files in os.walk(root):
            for f in files:
                path = os.path.join(top, f)
                yield os.path.relpath(path, folder), read(path), belongs.get(f, ()) if "hcloud-v6/" in path else ()


def look(folder):
    secrets = secrets_of(folder)
    all_needles, n = needles(secrets), 0
    for place, text, allowed in places(folder):
        n += 1
        for name in search(all_needles, text, allowed):
            print("found %s in %s" % (name, place))
    seen = os.path.join(folder, "seen")
    modes = {}
    for name in os.listdir(seen):
        for line in read(seen, name, "modes").decode().splitlines():
            mode, path = line.split(" ", 1)
            if int(mode, 8) & 0o077 and "/config/systemd" not in path:        # units, which are no secret
                print("others may read or write: %s in %s" % (line, name))
            modes[path] = mode
    print("%d secrets, %d places, %d files and folders" % (len(secrets), n, len(modes)))


def wrappings(value):
    """How a value might stand in a larger text."""
    raw = value.encode()
    yield "plain", b'x="' + raw + b'"\n'
    for shift in range(3):
        yield "base64 %d" % shift, base64.b64encode(b"abc"[:shift] + raw + b" and more")
        yield "url-safe base64 %d" % shift, base64.urlsafe_b64encode(b"abc"[:shift] + raw + b" and more")
    yield "hexadecimal", raw.hex().encode()
    yield "JSON", json.dumps({"a": raw.decode() + '"\n'}).encode()
    yield "gzip", b"before" + gzip.compress(b"text " + raw + b" text")
    yield "gzip in base64", b'{"user_data": "' + base64.b64encode(gzip.compress(b"text " + raw)) + b'"}'
    try:
        inner = base64.b64decode(value, validate=True)
    except (ValueError, binascii.Error):
        return
    yield "decoded", b"<" + inner + b">"
    yield "decoded, in hexadecimal", inner.hex().encode()
    if inner.startswith(b"-----"):
        lines = [l for l in inner.splitlines() if l and not l.startswith(b"-")]
        der = base64.b64decode(b"".join(lines))
        yield "PEM in JSON", json.dumps(inner.decode()).encode()
        yield "PEM's body", b"\n".join(lines)
        yield "a line of PEM", lines[0] if b"RSA" not in inner else lines[len(lines) // 2]
        yield "DER", b"\0" + der
        yield "DER in base64", base64.b64encode(b"12" + der)


def prove(folder):
    secrets, n = secrets_of(folder), 0
    all_needles = needles(secrets)
    for name, value in secrets.items():
        for form, text in wrappings(value):
            n += 1
            if name not in search(all_needles, b"something before\n" + text + b"\nsomething after"):
                print("missed: %s as %s" % (name, form))
    for found in search(all_needles, read(folder, "public.txt")):
        print("a false alarm: %s in what is public" % found)
    print("%d of %d" % (n, len(secrets)))


# ---- cores ----

def crash(name, command):
    number = getattr(signal, name)
    output = os.open("crash.out", os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)

    def prepare():
        hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
        resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
    p = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, preexec_fn=prepare)
    end, status, ended = time.monotonic() + 300, 0, 0
    while os.fstat(output).st_size == 0 and time.monotonic() < end and not ended:
        ended, status = os.waitpid(p.pid, os.WNOHANG)
        time.sleep(0.01)
    if not ended:
        os.kill(p.pid, number)
        status = os.waitpid(p.pid, 0)[1]
    if ended or not status:
        return "it ended by itself"
    return "core" if (os.WIFSIGNALED(status) and os.WCOREDUMP(status)) or [f for f in os.listdir(".") if f.startswith("core")] else "none"


def owner(command):
    p = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/", user=65534, group=65534, extra_groups=[])
    end, uid = time.monotonic() + 120, -1
    while time.monotonic() < end and p.poll() is None:
        try:
            asleep = read("/proc/%d/stat" % p.pid).rsplit(b")", 1)[1].split()[0] == b"S"
        except IndexError:
            break
        uid = os.stat("/proc/%d/environ" % p.pid).st_uid
        if uid == 0 or (asleep and not command[0].endswith("hcloud-v6")):
            break
        time.sleep(0.01)
    p.kill()
    p.wait()
    return {0: "root", 65534: "user"}.get(uid, "it did not run")


if __name__ == "__main__":
    what, words = sys.argv[1], sys.argv[2:]
    if what == "run":
        sys.exit(run(words[0], words[1:]))
    elif what == "crash":
        print(crash(words[0], words[1:]))
    elif what == "owner":
        print(owner(words))
    else:
        {"look": look, "prove": prove}[what](words[0])
