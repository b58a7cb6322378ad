"""Prints what libFuzzer's logs of all runs say, one line a target: table.py WORK TARGET…"""
import os, re, sys

work, targets = sys.argv[1], sys.argv[2:]
print("| target | seconds | executions | a second | edges | features | inputs | found |\n|---|---|---|---|---|---|---|---|")
sums = [0, 0, 0]
for t in targets:
    seconds = runs = edges = features = 0
    for name in sorted(os.listdir(f"{work}/log")):
        if name.rsplit(".", 1)[0] != t:
            continue
        text = open(f"{work}/log/{name}", errors="replace").read()
        done = re.search(r"^Done (\d+) runs in (\d+) second", text, re.M)
        last = re.findall(r"^#(\d+)\s.*cov: (\d+) ft: (\d+)", text, re.M)
        if done:
            runs, seconds = runs + int(done[1]), seconds + int(done[2])
        elif last:
            runs += int(last[-1][0])
        if last:
            edges, features = max(edges, int(last[-1][1])), max(features, int(last[-1][2]))
    found = f"{work}/found/{t}"
    bad = len(os.listdir(found)) if os.path.isdir(found) else 0
    inputs = len(os.listdir(f"tests/fuzz/corpus/{t}"))
    sums = [sums[0] + seconds, sums[1] + runs, sums[2] + bad]
    print(f"| `{t}` | {seconds} | {runs:,} | {runs // seconds if seconds else 0:,} | {edges:,} | {features:,} | {inputs} | {bad} |")
print(f"| all | {sums[0]:,} | {sums[1]:,} | | | | | {sums[2]} |")
sys.exit(1 if sums[2] else 0)
