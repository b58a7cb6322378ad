/* Kubernetes' lists for one look: every kind at once, each in pages, the next page on its way while the one before is read.
 *
 * A kind's pages follow each other (a page's continue token comes with the page before), kinds are independent. Pages wait here until they are taken,
 * only a few, so that the memory stays small however large the lists are. Each feed is one thread; who takes the pages is one more. */
#pragma once

#include "base/error.h"
#include "base/strbuf.h"
#include "kube/client.h"
#include "scaler/snapshot.h"

struct feed_list { enum snapshot_part part; const char *path; unsigned page; };        /* page: objects at a time */
struct feed_page {
        const struct feed_list *list;
        struct strbuf body;
        char *next;                            /* the token of the page behind it, or NULL */
        struct feed_page *behind;
};
void feed_page_free(struct feed_page *p);
DEFINE_CLEANUP(struct feed_page *, feed_page_free)

struct feeds;
/* lists and kube are borrowed until the end. */
int feeds_start(struct kube_client *kube, const struct feed_list *lists, size_t n, struct feeds **ret, struct error *err);
/* The next page of whichever list has one; NULL: all lists have ended. The first failure of any list is the failure of all. */
int feeds_next(struct feeds *f, struct feed_page **ret, struct error *err);
size_t feeds_calls(struct feeds *f);
int64_t feeds_time_ms(struct feeds *f);        /* the API server's clock at the first answer; 0 before it */
/* Waits for the requests that are on their way. */
void feeds_free(struct feeds *f);
DEFINE_CLEANUP(struct feeds *, feeds_free)

/* The continue token of a page, NULL when there is none. Of an API server's page only the head is looked at: it writes the list's metadata before the
 * items (k8s.io/apimachinery: the fields of a list type in their order). ERR_PROTOCOL, ERR_INVALID. */
int feed_token(const char *what, const char *text, size_t len, char **ret, struct error *err);
