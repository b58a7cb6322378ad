"""Writes files as one C source: embed.py OUTPUT NAME FILE… gives NAME_names, the files' names without ending (ends with NULL), and NAME_texts beside it."""
import os
import sys

out, name, files = sys.argv[1], sys.argv[2], sorted(sys.argv[3:])
with open(out, "w", encoding="utf-8") as c:
    c.write("/* Made by embed.py. */\n#include <stddef.h>\n\n")
    for i, path in enumerate(files):
        data = open(path, "rb").read()
        c.write(f"static const char text_{i}[] = {{\n")
        for at in range(0, len(data), 24):
            c.write("        " + ", ".join(str(b if b < 128 else b - 256) for b in data[at:at + 24]) + ",\n")
        c.write("        0,\n};\n\n")
    names = [os.path.splitext(os.path.basename(f))[0] for f in files]
    c.write(f"extern const char *const {name}_names[], *const {name}_texts[];\n")
    c.write(f"const char *const {name}_names[] = {{ " + ", ".join(f'"{n}"' for n in names) + ", NULL };\n")
    c.write(f"const char *const {name}_texts[] = {{ " + ", ".join(f"text_{i}" for i in range(len(files))) + ", NULL };\n")
