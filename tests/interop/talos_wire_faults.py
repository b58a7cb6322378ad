"""Connections that break anywhere, answers that grpc-go would never give, limits, slowness. No success may be reported that was none."""


def run(w):
    globals().update({k: v for k, v in vars(w).items() if not k.startswith("__") and k != "run"})
    cuts()
    flips()
    scripts()
    statuses()
    limits()
    slowness()


# What a whole answer reads like; anything else that reports success is wrong.
ANSWERS = {
    "version": ({}, None),
    "dmesg": ({"lines": 10}, ["kern: line 0", "kern: line 1", "kern: line 2"]),
    "routes": ({}, ["inet6  fe80::1 eth0 main 1024", "inet4 169.254.169.254/32 172.31.1.1 eth0 main 512 metadata", "inet4 10.0.0.0/8 10.0.0.1 eth1 main 0"]),
    "reboot": ({"mode": 0}, None),
    "read": ({"path": "/proc/sys/kernel/random/boot_id", "max": 100}, "11111111-2222-3333-4444-555555555555\n"),
    "apply": ({"config": "nonsense: 1", "mode": 1}, "invalid"),
}


def cut_at(n, op, at, how):
    """None when all is as it must be, "whole" when the answer was whole, else what is wrong."""
    fields, says = ANSWERS[op]
    fault(n, cut=at, how=how)
    a = call(op, n, fresh=True, timeout_ms=300 if how == "stall" else 4000, **fields)
    says = VERSION if op == "version" else says
    if op == "apply" and not a["ok"] and a["kind"] == "invalid":
        return "whole"
    if a["ok"]:
        return "whole" if a.get("result") == says and op != "apply" else f"success was reported: {a}"
    if a["kind"] not in ("unavailable", "timeout", "tls", "protocol"):
        return f"kind {a['kind']}: {a['error']}"
    # Reset while we wrote, before anything was read: then nobody can tell, and the message says both.
    unread = re.search("(Send failure|Failed sending).*", a["error"]) and "or is going down" in a["error"]
    if a["kind"] == "tls" and at > 0 and not unread:
        return f"called a TLS problem behind {at} bytes: {a['error']}"
    if "Talos API of [::1]" not in a["error"]:
        return f"names no node: {a['error']}"
    if a["ms"] > 15000:
        return f"took {a['ms']} ms"
    return None


def cuts():
    """Behind every byte that the server writes: settings, frame headers, header blocks, the length prefix, the message, trailers."""
    n = start()
    for how, step in (("fin", 1), ("close", 3), ("reset", 2), ("stall", 25)):
        for op in ANSWERS:
            if how == "stall" and op != "version":
                continue
            at, whole, broken, wrong, stride = 0, 0, 0, [], step * (3 if op == "routes" else 1)
            while whole < 3 and at < 5000:
                verdict = cut_at(n, op, at, how)
                whole = whole + 1 if verdict == "whole" else 0
                broken += verdict is None
                if verdict not in (None, "whole"):
                    wrong.append(f"after {at} bytes: {verdict}")
                at += stride
            check(f"{op}, cut by {how} behind {'each' if stride == 1 else f'one in {stride}'} of {at} bytes", not wrong and broken > 40 // stride, f"{len(wrong)} wrong, {broken} broken", *wrong[:5])
    fault(n)
    good("and whole again", call("version", n), VERSION)
    stop(n)


def flips():
    """One bit of each byte turned: anything may come of it but a crash, a call that does not end, or a broken rule of our own."""
    n = start()
    for op in ("version", "routes", "dmesg"):
        wrong, failed = [], 0
        for at in range(1 + len(op) % 5, 260, 5):
            fault(n, flip=at)
            a = call(op, n, fresh=True, timeout_ms=300, **ANSWERS[op][0])
            failed += not a["ok"]
            if a["ms"] > 15000 or (not a["ok"] and (a["kind"] == "bug" or "Talos API of [::1]" not in a["error"])):
                wrong.append(f"byte {at}: {a}")
        check(f"{op}, a bit turned in every fifth of 260 bytes", not wrong and failed > 8, f"{len(wrong)} wrong, {failed} failed", *wrong[:5])
    fault(n)
    good("and whole again behind all those", call("version", n), VERSION)
    stop(n)


H = [[":status", "200"], ["content-type", "application/grpc"]]
T = [["grpc-status", "0"], ["grpc-message", ""]]


def frame(payload, flag=0, length=None):
    length = len(payload) // 2 if length is None else length
    return f"{flag:02x}{length:08x}{payload}"


def script(*steps):
    return start(script=list(steps))


def scripts():
    version, data, failed = (node.ask("payload", message=m)["result"] for m in ("VersionResponse", "Data", "MetadataError"))
    whole, trailers = {"data": frame(version)}, {"headers": T, "end": True}
    script_says = {**VERSION, "hostname": 6}

    def judge(name, steps, kind, *words, op="version", result=None, fields=None, **more):
        n = script(*steps)
        hangs = any("sleepMS" in s for s in steps)
        a = call(op, n, timeout_ms=1000 if hangs else 10000, **(fields or {}))
        if kind is None:
            good(name, a, script_says if result is None else result)
        else:
            refused(name, a, kind, *words, within=4000, **more)
        stop(n)

    judge("a plain answer", [{"headers": H}, whole, trailers], None)
    judge("trailers missing: END_STREAM on the message", [{"headers": H}, {**whole, "end": True}], "unavailable", "without a grpc-status", ambiguous=True)
    judge("trailers without grpc-status", [{"headers": H}, whole, {"headers": [["x", "y"]], "end": True}], "unavailable", "without a grpc-status")
    judge("an empty answer", [{"headers": H, "end": True}], "unavailable", "without a grpc-status")
    judge("status in the headers only", [{"headers": H + [["grpc-status", "7"], ["grpc-message", "no%20way%0anow"]], "end": True}], "auth", "PERMISSION_DENIED: no way now", grpc=7)
    judge("trailers only, unavailable", [{"headers": H + [["grpc-status", "14"], ["grpc-message", "closing"]], "end": True}], "unavailable", "closing", grpc=14, ambiguous=True)
    judge("status 0 without a message", [{"headers": H + T, "end": True}], "protocol", "0 messages")
    judge("two messages", [{"headers": H}, whole, whole, trailers], "protocol", "more than one message")
    judge("status 0 in the headers, no message, no end", [{"headers": H + T}, {"sleepMS": 5000}], "timeout|protocol|unavailable", ".")
    judge("a status that is no number", [{"headers": H}, whole, {"headers": [["grpc-status", "fine"]], "end": True}], "refused|protocol", "UNKNOWN")
    judge("a status nobody knows", [{"headers": H}, whole, {"headers": [["grpc-status", "99"]], "end": True}], "refused", "UNKNOWN")
    judge("a negative status", [{"headers": H}, whole, {"headers": [["grpc-status", "-1"]], "end": True}], "refused|protocol", ".")
    judge("an empty status", [{"headers": H}, whole, {"headers": [["grpc-status", ""]], "end": True}], "refused|protocol|unavailable", ".")
    judge("a failure behind a whole message", [{"headers": H}, whole, {"headers": [["grpc-status", "13"], ["grpc-message", "oops"]], "end": True}], "refused", "INTERNAL: oops",
          grpc=13)
    judge("half a message and status 0", [{"headers": H}, {"data": frame(version)[:40]}, trailers], "unavailable|protocol", "inside a message")
    judge("half a length and status 0", [{"headers": H}, {"data": "0000"}, trailers], "unavailable|protocol", "inside a message")
    judge("a length beyond the message", [{"headers": H}, {"data": frame(version, length=500)}, trailers], "unavailable|protocol", "inside a message")
    judge("a length of 4 GiB", [{"headers": H}, {"data": frame(version, length=0xffffffff)}, trailers], "protocol", "4294967295 bytes")
    judge("a length one above our limit", [{"headers": H}, {"data": frame(version, length=(32 << 20) + 1)}, {"sleepMS": 5000}], "protocol", "33554433 bytes")
    judge("the compressed flag", [{"headers": H + [["grpc-encoding", "gzip"]]}, {"data": frame(version, flag=1)}, trailers], "protocol", "compressed")
    judge("a flag nobody knows", [{"headers": H}, {"data": frame(version, flag=0x80)}, trailers], "protocol", ".")
    judge("bytes behind the message", [{"headers": H}, {"data": frame(version) + "00"}, trailers], "unavailable|protocol", ".")
    judge("no protobuf", [{"headers": H}, {"data": frame("ff" * 40)}, trailers], "protocol", "machine.MachineService/Version")
    judge("an empty message", [{"headers": H}, {"data": frame("")}, trailers], "protocol", "without content")
    judge("an answer that failed on the node behind", [{"headers": H}, {"data": frame(failed)}, trailers], "refused|unavailable", "connection refused")
    judge("one byte a frame", [{"headers": H}] + [{"data": version_byte} for version_byte in chunks(frame(version), 2)] + [trailers], None)
    judge("empty frames between", [{"headers": H}, {"data": ""}, whole, {"data": ""}, trailers], None)
    judge("headers in small print", [{"headers": [[":status", "200"], ["content-type", "application/grpc+proto"], ["x-long", "y" * 9000]]}, whole, trailers], None)
    judge("another content type", [{"headers": [[":status", "200"], ["content-type", "application/grpcish"]]}, whole, trailers], "protocol", "does not speak gRPC")
    judge("no content type", [{"headers": [[":status", "200"]]}, whole, trailers], "protocol", "does not speak gRPC: HTTP status 200, content type none")
    judge("HTML and grpc-status 0", [{"headers": [[":status", "200"], ["content-type", "text/html"]]}, whole, trailers], "protocol", "text/html")
    for status, kind in (("503", "unavailable"), ("502", "unavailable"), ("401", "auth"), ("403", "auth"), ("404", "refused"), ("500", "protocol"), ("301", "protocol")):
        judge(f"HTTP/2 status {status}", [{"headers": [[":status", status], ["content-type", "text/plain"]]}, {"data": "6869", "end": True}], kind, "HTTP status " + status)
    judge("HTTP status 503 as gRPC without status", [{"headers": [[":status", "503"], ["content-type", "application/grpc"]], "end": True}], "unavailable", "503")
    for code in (0, 1, 2, 3, 5, 7, 8, 11, 13):
        judge(f"RST_STREAM {code} before anything", [{"reset": code}], "unavailable|protocol|refused", ".")
        judge(f"RST_STREAM {code} inside the message", [{"headers": H}, {"data": frame(version)[:20]}, {"reset": code}], "unavailable|protocol|refused", ".")
        judge(f"RST_STREAM {code} behind the message", [{"headers": H}, whole, {"reset": code}], "unavailable|protocol|refused", ".")
        judge(f"RST_STREAM {code} behind the trailers", [{"headers": H}, whole, trailers, {"reset": code}], None)
    for code in (0, 2, 11):
        judge(f"GOAWAY {code}, our call refused", [{"goAway": code, "refused": True}, {"close": True}], "unavailable|protocol", ".")
        judge(f"GOAWAY {code}, our call taken, then closed", [{"goAway": code}, {"close": True}], "unavailable|protocol", ".")
        judge(f"GOAWAY {code} inside the message", [{"headers": H}, {"data": frame(version)[:20]}, {"goAway": code}, {"close": True}], "unavailable|protocol", ".")
    # libcurl 7.88 drops the trailers that came with a GOAWAY; later ones do not. Nothing is lost but the status: it may not be called a success.
    n = script({"goAway": 0}, {"headers": H}, whole, trailers)
    a = call("version", n)
    good("GOAWAY 0 and a whole answer", a, script_says) if a["ok"] else refused("GOAWAY 0 and a whole answer", a, "unavailable", "without a grpc-status", ambiguous=True)
    stop(n)
    judge("a frame of garbage", [{"headers": H}, {"raw": "ffffffffffffffffff"}, {"sleepMS": 3000}], "unavailable|protocol|timeout", ".")
    judge("HEADERS for a stream that nobody opened", [{"raw": "00000001040000000f"}, {"headers": H}, whole, trailers], "unavailable|protocol|timeout", ".")
    # streams
    lines = ["a line"] * 3
    judge("a stream", [{"headers": H}, {"data": frame(data), "repeat": 3}, trailers], None, op="dmesg", fields={"lines": 5}, result=lines)
    judge("a stream without trailers", [{"headers": H}, {"data": frame(data), "repeat": 3, "end": True}], "unavailable", "without a grpc-status", op="dmesg", fields={"lines": 5})
    judge("a stream that fails at last", [{"headers": H}, {"data": frame(data), "repeat": 3}, {"headers": [["grpc-status", "14"], ["grpc-message", "down"]], "end": True}],
          "unavailable", "down", op="dmesg", fields={"lines": 5}, grpc=14)
    judge("a stream that says nothing more", [{"headers": H}, {"data": frame(data)}, {"sleepMS": 8000}], "timeout", "timed out|no byte", op="dmesg", fields={"lines": 5})
    judge("an empty stream", [{"headers": H + T, "end": True}], None, op="dmesg", fields={"lines": 5}, result=[])


def chunks(text, size):
    return [text[i:i + size] for i in range(0, len(text), size)]


KINDS = {1: "unavailable", 2: "refused", 3: "invalid", 4: "timeout", 5: "not_found", 6: "exists", 7: "auth", 8: "rate_limited", 9: "refused", 10: "conflict", 11: "invalid",
         12: "refused", 13: "refused", 14: "unavailable", 15: "protocol", 16: "auth"}


def statuses():
    n = start()
    for code, kind in KINDS.items():
        fault(n, status=code, text="w\u00f6rds 100% \u2713\nmore")
        refused(f"status {code}", call("version", n), kind, "w\u00f6rds 100% \u2713 more", grpc=code)
        refused(f"status {code} of a stream", call("dmesg", n, lines=3), kind, "w\u00f6rds 100% \u2713 more", grpc=code)
    fault(n, status=14, text="starting", count=2)
    refused("unavailable", call("version", n), "unavailable", "starting", grpc=14, retryable=True)
    refused("unavailable again", call("version", n), "unavailable", "starting", grpc=14)
    good("then good", call("version", n), VERSION)
    fault(n, status=9, text="x" * 6000)
    refused("a long message", call("version", n), "refused", "x{1000}", grpc=9)
    stop(n)


def limits():
    """32 MiB is the most a message may have, in both directions (constants.GRPCMaxMessageSize)."""
    n = start()
    limit = 32 << 20
    overhead = 0
    fault(n, bytes=1 << 20)
    good("a message of 1 MiB", call("version", n), {**VERSION, "hostname": 1 << 20})
    overhead = 200
    fault(n, bytes=limit - overhead)
    good("a message of almost 32 MiB", call("version", n, timeout_ms=30000), {**VERSION, "hostname": limit - overhead})
    fault(n, bytes=limit)
    refused("a message above 32 MiB", call("version", n, timeout_ms=30000), "protocol", "the limit is 33554432")
    fault(n, bytes=8 << 20)
    good("a file of 8 MiB", call("read", n, path="/bytes", max=8 << 20, timeout_ms=30000), f"{8 << 20} bytes")
    refused("a file of one byte more than allowed", call("read", n, path="/bytes", max=(8 << 20) - 1, timeout_ms=30000), "protocol", "bigger than")
    fault(n, bytes=64 << 20)
    good("a file of 64 MiB in messages of 1 MiB", call("read", n, path="/bytes", max=64 << 20, timeout_ms=30000), f"{64 << 20} bytes")
    fault(n, events=20000)
    good("20,000 messages", call("dmesg", n, lines=2, timeout_ms=30000), ["kern: line 19998", "kern: line 19999"])
    fault(n)
    records(n)
    refused("a request of almost 32 MiB arrives", call("apply", n, config="nonsense: 1\n", filler=limit - 100, mode=1, timeout_ms=30000), "invalid", ".", grpc=3)
    check("and was read", [r["status"] for r in records(n)] == ["InvalidArgument"])
    a = call("apply", n, config="nonsense: 1\n", filler=limit, mode=1, timeout_ms=30000)
    check("a request above 32 MiB does not leave", not a["ok"] and a["kind"] == "invalid" and "too big" in a["error"] and not a["ambiguous"], "", a)
    check("and did not arrive", records(n) == [])
    stop(n)


def slowness():
    n = start()
    fault(n, dripMS=2)
    good("one byte every 2 ms", call("version", n, fresh=True), VERSION)
    fault(n, dripMS=50)
    refused("one byte every 50 ms is too slow for 1 s", call("version", n, fresh=True, timeout_ms=1000), "timeout", "timed out", within=5000)
    fault(n, delayMS=10000)
    refused("an answer past the deadline", call("version", n, fresh=True, timeout_ms=500), "timeout", "DEADLINE_EXCEEDED|timed out", ambiguous=True, within=5000)
    fault(n)
    good("and quick again", call("version", n, fresh=True), VERSION)
    stop(n)
