/* Building Talos snapshots: for each architecture a server of the smallest disk is made, started in Hetzner's rescue system, given the image over SSH
 * (it fetches it itself, or gets it sent), switched off, made a snapshot of, and removed again, whatever happened.
 *
 * A job adds its steps to a plan and lives as long as that plan. */
#pragma once

#include <hcloud/hcloud.h>

#include "image/schematic.h"
#include "plan/plan.h"

#define IMAGE_FACTORY "https://factory.talos.dev"
#define IMAGE_FACTORY_VARIABLE "HCLOUD_V6_IMAGE_FACTORY"       /* replaces it: a mirror, or the simulated cloud's */

struct image_options {
        struct hcloud_client *hcloud;
        struct hcloud_client *cleaner;   /* one that is never cancelled: it removes the builder, whatever happened */
        const struct hcloud_server_type_list *types;     /* what is sold; borrowed as all the rest */
        const struct hcloud_image_list *images;          /* what is there: a checksum seen before is compared */
        struct clock *clock;
        const struct cancel *cancel;
        const char *user_agent;
        const char *host_id;             /* label value: whose build it is */
        const char *talos;               /* "v1.13.9" */
        const struct schematic *schematic;
        const struct strv *archs;        /* "x86", "arm": those to be built */
        const struct strv *operators;    /* prefixes that may reach the builder's SSH; empty: this machine has no IPv6 */
        const struct strv *locations;    /* in order of preference; all others come after them */
        const char *factory;             /* base URL, or NULL: the variable, else IMAGE_FACTORY */
        const char *image_url;           /* a file or URL to send instead, or NULL; {arch} becomes amd64 or arm64 */
        const char *sha256;              /* of the packed or the raw image, 64 hexadecimal digits, or NULL */
        bool no_ipv4;                    /* the builder has IPv6 only: the image is read here and sent */
        void (*warn)(void *data, const char *text); void *warn_data;       /* from any thread */
};

struct image_job;
/* Checks everything that can be checked without making anything: options, types that are sold, a file that is there. ERR_USAGE, ERR_NOT_FOUND,
 * ERR_CAPACITY (no type of an architecture is sold). */
int image_job_new(const struct image_options *o, struct image_job **ret, struct error *err);
void image_job_free(struct image_job *j);
DEFINE_CLEANUP(struct image_job *, image_job_free)
/* Adds the steps; the first ones wait for after (or NULL). */
void image_job_plan(struct image_job *j, struct plan *p, struct plan_step *after);

/* For each architecture of the job, in its order. */
struct image_result {
        const char *arch;
        struct plan_step *ready;         /* after it the snapshot can be used */
        struct plan_step *gone;          /* after it nothing of the builder is left */
        const char *type, *location;     /* of the builder: the first choice, and after the run the one that was had */
        bool ipv4;                       /* it has one, which is paid for by the hour */
        double disk_size;                /* GB that a server must have for the snapshot */
        int64_t image;                   /* 0 before, and when it could not be made */
        const char *sha256;              /* of the raw image; NULL before */
        double image_size;               /* GB that are billed; 0 when not known */
};
size_t image_job_results(const struct image_job *j);
struct image_result image_job_result(const struct image_job *j, size_t i);
