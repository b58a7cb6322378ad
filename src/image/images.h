/* The project's Talos snapshots, and what builds have left behind: found by their labels, never by names.
 *
 * Labels of a snapshot: os=talos, hcloud-v6/talos-version, hcloud-v6/arch, hcloud-v6/schematic, hcloud-v6/sha256 and hcloud-v6/sha256-packed (63 of their 64 digits, which is
 * what a label holds; the description has them whole). A builder, its key and its firewall carry hcloud-v6/image-builder (the host that builds), hcloud-v6/run and
 * hcloud-v6/expiry (seconds since 1970 by the API's clock). */
#pragma once

#include <hcloud/hcloud.h>

#include "base/error.h"

#define LABEL_IMAGE_VERSION "hcloud-v6/talos-version"
#define LABEL_IMAGE_ARCH "hcloud-v6/arch"
#define LABEL_IMAGE_SCHEMATIC "hcloud-v6/schematic"
#define LABEL_IMAGE_SHA256 "hcloud-v6/sha256"
#define LABEL_IMAGE_PACKED "hcloud-v6/sha256-packed"
#define LABEL_IMAGE_BUILDER "hcloud-v6/image-builder"
#define LABEL_IMAGE_RUN "hcloud-v6/run"
#define LABEL_IMAGE_EXPIRY "hcloud-v6/expiry"

/* The version ("v1.13.9") of a Talos snapshot made by this program or another tool, or NULL; in buf. */
const char *image_talos_version(const struct hcloud_labels *labels, char buf[static 64]);
/* Is it an image of this version and schematic (64 digits)? One without a schematic label counts as plain. */
bool image_is(const struct hcloud_image *m, const char *talos, const char *schematic);
/* The newest such image of the architecture (NULL: of any); borrowed, or NULL. */
const struct hcloud_image *image_find(const struct hcloud_image_list *list, const char *talos, const char *schematic, const char *arch);

/* What prune would remove and why. */
struct image_waste { char *kind; /* "server", "ssh-key", "firewall", "image" */ int64_t id; char *name; char *why; };
struct image_wastes { struct image_waste *items; size_t n; };
void image_wastes_done(struct image_wastes *w);
/* Leftovers of builds of this host (nobody builds here: the caller holds the build lock) and of builds that have expired; older twins of a snapshot. With unused,
 * also snapshots of ours that no server was made from. */
struct image_look_options { const char *host_id; int64_t now_ms; bool unused; };
int image_waste_find(struct hcloud_client *client, const struct image_look_options *o, struct image_wastes *ret, struct error *err);
/* Only what builds left behind: servers, keys and firewalls; now_ms 0: this host's alone. */
int image_leftovers_find(struct hcloud_client *client, const struct image_look_options *o, struct image_wastes *ret, struct error *err);
/* Removes them; gone already is success. */
int image_waste_remove(struct hcloud_client *client, const struct image_waste *w, struct error *err);
