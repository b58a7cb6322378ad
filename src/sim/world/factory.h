/* The image factory of the simulated world: /factory/image/<schematic>/<version>/hcloud-<arch>.raw[.xz|.zst] and POST /factory/schematics. Its images
 * are not Talos: a first line that names them, then noise and holes. Packed by the programs xz and zstd. */
#pragma once

#include "base/strbuf.h"

struct http1_exchange;
struct sim_world;

#define FACTORY_PLAIN "376567988ad370138ad8b2698212367b8edcb69b5fd68c80be1f2ec7d603b4ba"

/* path without "/factory"; answers the exchange. */
void sim_factory_handle(struct sim_world *w, const char *path, struct http1_exchange *x);
void sim_factory_free(void);
/* The raw image; arch "amd64" or "arm64". Bytes belong to b. */
void sim_factory_image(struct sim_world *w, const char *schematic, const char *version, const char *arch, struct strbuf *b);
/* Reads the first line of a disk: false when no image of this factory begins there. Fields are owned by the caller. */
bool sim_factory_name(const char *head, size_t n, char **ret_schematic, char **ret_version, char **ret_arch);
