"""What the comparisons with Talos' own code share: the two long-lived programs, their normal form, and counting."""
import json, os, subprocess, sys

passed = failed = 0


def ok(name):
    global passed
    passed += 1
    print("ok", name)


def bad(name, why, *texts):
    global failed
    failed += 1
    print(f"FAIL {name}: {why}")
    for text in texts:
        for line in str(text).splitlines()[:40]:
            print("    " + line)


def check(name, condition, why="", *texts):
    ok(name) if condition else bad(name, why, *texts)
    return condition


def finish():
    print(f"{passed} passed, {failed} failed")
    sys.exit(failed != 0)


class Program:
    """Answers one JSON object a line."""

    def __init__(self, path):
        self.path = path
        self.process = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1 << 20)

    def ask(self, op, **fields):
        self.process.stdin.write(json.dumps({"op": op, **fields}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.path} died on {op}: {json.dumps(fields)[:4000]}")
        return json.loads(line)


# Refused by us and not by Talos, on purpose: docs/talos-differences.md has the reasons.
MEANT = ["the config has no such document", "the only value of $patch is 'delete'", "RFC 6902", "document as a whole cannot be deleted", "is already there in line",
         "is defined and deleted in this patch"]


def compare_patch(talos, ours, config, patches):
    """None when both did the same, else why not. Ours is written anew by Talos before the comparison: its normal form."""
    theirs, mine = talos.ask("patch", config=config, patches=patches), ours.ask("patch", config=config, patches=patches)
    if not mine["ok"] and any(words in mine["error"] for words in MEANT):
        return None
    if theirs["ok"] != mine["ok"]:
        return f"Talos {'takes' if theirs['ok'] else 'refuses'} it ({theirs.get('error', '')[:300]}), we do not ({mine.get('error', '')[:300]})"
    if not mine["ok"]:
        return None
    normal = talos.ask("patch", config=mine["text"], patches=[])
    if not normal["ok"]:
        return "Talos does not read our result: " + normal["error"][:300]
    if normal["text"] == theirs["text"]:
        return None
    import difflib
    return "\n".join(list(difflib.unified_diff(theirs["text"].splitlines(), normal["text"].splitlines(), "talos", "ours", lineterm="", n=2))[:40])
