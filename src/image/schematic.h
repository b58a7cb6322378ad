/* A schematic: what is added to a plain Talos image, and the image factory's name for it. The factory names a schematic by the SHA-256 of its
 * canonical YAML (siderolabs/image-factory, pkg/schematic), so the name can be computed here; only an image of a schematic that the factory has
 * never seen must be announced to it first. */
#pragma once

#include "base/error.h"
#include "base/strbuf.h"

#define SCHEMATIC_ID_LENGTH 64

struct schematic {
        struct strv extensions;      /* "siderolabs/qemu-guest-agent" */
        struct strv kernel_args;     /* "console=ttyS1"; "-console" takes one away */
};
void schematic_done(struct schematic *s);

/* Extensions are names "owner/name", kernel arguments are without blanks; none twice. ERR_USAGE names the wrong one. */
int schematic_check(const struct schematic *s, struct error *err);
bool schematic_is_plain(const struct schematic *s);
/* The canonical text; extensions are sorted, so that one set has one name. Owned. */
char *schematic_yaml(const struct schematic *s);
/* 64 lower-case hexadecimal digits; owned. */
char *schematic_id(const struct schematic *s);
/* Does the factory's answer to POST /schematics call it what we computed? ERR_PROTOCOL when not, or when it is no such answer. */
int schematic_check_answer(const char *id, const char *body, size_t len, struct error *err);
