"""talos_patch.py WITNESS OURS FOLDER RANDOM SEED SHARED [documents]: patches by Talos' patcher and ours, the same result or the same refusal. documents: on the form of
contract 1.14, by Talos 1.14."""
import glob, os, sys
from talos_common import *
from talos_random import DOCUMENTS_114, Make

witness, batch, folder, count, seed, shared = sys.argv[1:7]
documents = sys.argv[7:] == ["documents"]
talos, ours = Program(witness), Program(batch)


def read(path):
    with open(path) as f:
        return f.read()


bases = {os.path.basename(p)[5:-5]: read(p) for p in sorted(glob.glob(folder + "/base-*.yaml"))}
# Written cases: "# name" above each patch, "# base: NAME" for another base than the first.
for path in sorted(glob.glob(folder + "/*.patches")):
    for case in read(path).split("\n#### ")[1:]:
        head, _, text = case.partition("\n")
        name, _, base = head.partition(" @")
        patches = text.split("\n#-- next patch\n")
        why = compare_patch(talos, ours, bases[base or "controlplane"], patches, documents)
        check(f"{os.path.basename(path)}: {name}", why is None, why)
# The set made earlier with Talos' code, where it lies beside this tree.
for triple in [] if documents else sorted(glob.glob(shared + "/talos/patch-triples/*/")):
    why = compare_patch(talos, ours, read(triple + "base.yaml"), [read(triple + "patch.yaml")])
    check("triple " + os.path.basename(triple[:-1]), why is None, why)
for contract in () if documents else ("v1.11", "v1.12", "v1.13"):
    for role in ("controlplane", "worker"):
        base = f"{shared}/talos/golden/{contract}-{role}.yaml"
        if os.path.exists(base):
            names = ["all", role, "registries"]
            why = compare_patch(talos, ours, read(base), [read(f"{shared}/talos/golden/patches/{n}.yaml") for n in names])
            check(f"the seed's patches on {contract} {role}", why is None, why)
# The blog post's patches on the new form: refused in the old form, but for the one that has nothing moved, and the new form of each does the same as before.
for role in ("controlplane", "worker") if documents else ():
    base, old, new = f"{shared}/talos/golden/v1.14-{role}.yaml", f"{shared}/talos/golden/patches/", folder + "/../seed-1.14/"
    for name, place in (("all", "ResolverConfig"), (role, "KubeFlannelCNIConfig" if role == "controlplane" else "KubeNodeConfig"), ("registries-ghcr", None)):
        if not os.path.exists(base):
            continue
        a, why = ours.ask("patch", config=read(base), patches=[read(f"{old}{name}.yaml")]), compare_patch(talos, ours, read(base), [read(f"{old}{name}.yaml")], True)
        check(f"the seed's {name}.yaml on 1.14 {role}", why is None and a["ok"] == (place is None) and (a["ok"] or f"moved to the document {place}" in a["error"]), why or a.get("error", "taken"))
    if os.path.exists(base):
        patches = [read(f"{new}{n}.yaml") for n in ("all", role, "registries")]
        why = compare_patch(talos, ours, read(base), patches, True)
        a = talos.ask("validate", config=ours.ask("patch", config=read(base), patches=patches).get("text", ""))
        check(f"the seed's patches in the new form on 1.14 {role}", why is None and a["ok"] and not a.get("warnings"), why or a.get("error") or a.get("warnings"))
names, wrong, refused = list(bases), 0, 0
for i in range(int(count)):
    make = Make(f"{seed}-{i}", DOCUMENTS_114, 0.75) if documents else Make(f"{seed}-{i}")
    base = bases[names[i % len(names)]]
    patches = [make.patch() for _ in range(make.r.choice([1, 1, 2]))]
    why = compare_patch(talos, ours, base, patches, documents)
    if why is not None:
        wrong += 1
        if wrong <= int(os.environ.get("SHOW", "10")):
            bad(f"random patch {seed}-{i}", why, "\n#-- next patch\n".join(patches))
    if not ours.ask("patch", config=base, patches=patches)["ok"] if os.environ.get("RATE") else False:
        refused += 1
check(f"{count} random patches from seed {seed}", wrong == 0, f"{wrong} of them differ")
if os.environ.get("RATE"):
    print(f"{refused} refused")
finish()
