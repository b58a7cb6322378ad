/* COSI resources of a node: their kinds and their contents, in both encodings (protobuf and YAML). */
#pragma once

#include "sim/talos/internal.h"

struct resource { const char *namespace_; const char *type; char *id; struct strbuf proto, yaml; };
struct resources { struct resource *items; size_t n; };
void resources_done(struct resources *r);
#define _cleanup_resources_ _cleanup_(resources_done)

struct resource_kind {
        const char *type;                /* "MachineStatuses.runtime.talos.dev" */
        const char *display;             /* "MachineStatus" */
        const char *namespace_;
        const char *aliases;             /* further ones, blank-separated; or NULL */
        const char *columns;             /* "Name {.path}" for talosctl's tables, separated by ";"; or NULL */
        bool sensitive;                  /* admins only */
        void (*list)(struct sim_talos *t, const struct resource_kind *k, struct resources *ret);
};

extern const struct resource_kind resource_kinds[];      /* ends with a NULL type */
const struct resource_kind *resource_kind_find(const char *type);
void resources_list(struct sim_talos *t, const struct resource_kind *k, struct resources *ret);
/* cosi.resource.Resource. */
void resource_write(struct sim_talos *t, const struct resource *r, struct strbuf *b);
