/* Lists come in pages of 50. …_list() collects all pages; …_list_page() walks them one at a time:
 *
 *     struct hcloud_page page = { 0 };
 *     struct hcloud_server_list *list;
 *     while ((r = hcloud_server_list_page(client, NULL, &page, &list, err)) > 0) { …; hcloud_server_list_free(list); }
 */
#pragma once

#include <hcloud/base.h>

/* Position in a walk; all zero at the start. The walk ends where the API says next_page null. */
struct hcloud_page {
        int64_t next;               /* the page that the next call asks for; 0 and 1 both mean the first */
        int64_t total;              /* entries in all pages as the API counts them; 0 when it does not */
        bool ended;
};

/* Filters of a list; all may be NULL. A filter that the resource does not have is ERR_INVALID. */
struct hcloud_list_options {
        const char *name;           /* exact match; every resource but actions */
        const char *label_selector; /* hcloud_selector_take(); everything that has labels */
        const char *const *status;  /* NULL-ended; servers, images, volumes */
        const char *const *type;    /* NULL-ended; images, certificates, placement groups */
        const char *architecture;   /* images: "x86", "arm" */
        const char *ip;             /* primary IPs */
        const char *fingerprint;    /* SSH keys */
        const char *mode;           /* zones: "primary", "secondary" */
        int64_t bound_to;           /* images: backups of this server */
        bool include_deprecated;    /* images */
        const char *const *sort;    /* NULL-ended, "created:desc" */
};
