/* An image on its way: from the operator's machine (a file, or a URL that is read here) over SSH to the builder, or fetched by the builder itself. */
#pragma once

#include "base/clock.h"
#include "image/script.h"
#include "image/ssh.h"

struct image_progress { int64_t packed, total, written; };   /* bytes; total 0: not known */

struct image_written {
        char packed_sha256[65], raw_sha256[65];
        int64_t bytes;                   /* of the raw image */
        char *from;                      /* URL or file name; owned */
};
void image_written_done(struct image_written *w);

struct stream_options {
        const struct strv *urls;         /* what the builder fetches; the first that is there */
        const char *local;               /* instead: a file's name or a URL, read here and sent */
        const char *sha256;              /* or NULL */
        const char *user_agent;
        struct clock *clock;
        const struct cancel *cancel;
        void (*progress)(void *data, const struct image_progress *p);
        void (*note)(void *data, const char *text);
        void *data;                      /* of both; called from any thread, one at a time */
};
/* Writes an image to the builder's disk. ERR_REFUSED with the builder's words when it said no (no such image, wrong checksum, disk full, not an
 * image), ERR_NOT_FOUND (file or URL here), ERR_INVALID (a web page), ERR_UNAVAILABLE, ERR_TIMEOUT, ERR_CANCELLED. */
int image_stream(struct ssh_link *l, const struct stream_options *o, struct image_written *ret, struct error *err);
/* The size in bytes of what a URL or file holds and how it is packed, asked without reading it. ERR_NOT_FOUND. */
int image_look(const struct stream_options *o, const char *local, int64_t *ret_size, enum image_packing *ret_packing, struct error *err);
