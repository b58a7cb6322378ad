"""Prints which share of the lines of each parser's file the corpora reach: coverage.py BUILD. The files are those of tests/fuzz/parsers."""
import collections, gzip, json, os, subprocess, sys, tempfile

build = os.path.abspath(sys.argv[1])
wanted = [line.split()[0] for line in open("tests/fuzz/parsers") if line.strip() and not line.startswith("#") and line.split()[1] != ":"]
lines = collections.defaultdict(dict)
data = [os.path.join(d, f) for d, _, files in os.walk(build + "/src") for f in files if f.endswith(".gcda")]
with tempfile.TemporaryDirectory() as scratch:
    for at in range(0, len(data), 100):
        subprocess.run(["gcov", "--json-format", *data[at:at + 100]], cwd=scratch, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for name in os.listdir(scratch):
            with gzip.open(f"{scratch}/{name}") as f:
                for entry in json.load(f)["files"]:
                    path = os.path.relpath(os.path.join(build, entry["file"]), os.getcwd())
                    for line in entry["lines"]:
                        lines[path][line["line_number"]] = lines[path].get(line["line_number"], 0) + line["count"]
            os.remove(f"{scratch}/{name}")
print("| file | lines | reached |\n|---|---|---|")
total = hit = 0
for path in wanted:
    n, reached = len(lines[path]), sum(1 for c in lines[path].values() if c)
    total, hit = total + n, hit + reached
    print(f"| `{path[4:]}` | {n} | {100 * reached // n if n else 0} % |")
print(f"| all | {total} | {100 * hit // total if total else 0} % |")
