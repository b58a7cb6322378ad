"""Writes profiles/*.yaml as one C source: embed-profiles.py OUTPUT FILE…"""
import os
import sys

out, files = sys.argv[1], sorted(sys.argv[2:])
with open(out, "w", encoding="utf-8") as c:
    c.write('/* Made from profiles/ by embed-profiles.py. */\n#include "cluster/spec.h"\n\n#include "base/util.h"\n\n')
    for i, path in enumerate(files):
        data = open(path, "rb").read()
        c.write(f"static const unsigned char text_{i}[] = {{\n")
        for at in range(0, len(data), 24):
            c.write("        " + ", ".join(str(b) for b in data[at:at + 24]) + ",\n")
        c.write("        0,\n};\n\n")
    names = [os.path.splitext(os.path.basename(f))[0] for f in files]
    c.write("static const char *const names[] = { " + ", ".join(f'"{n}"' for n in names) + ", NULL };\n")
    c.write("static const unsigned char *const texts[] = { " + ", ".join(f"text_{i}" for i in range(len(files))) + " };\n\n")
    c.write("const char *const *profile_names(void) {\n        return names;\n}\n\n")
    c.write("const char *profile_text(const char *name) {\n        for (size_t i = 0; names[i]; i++)\n                if (str_eq(names[i], name))\n"
            "                        return (const char *) texts[i];\n        return NULL;\n}\n")
