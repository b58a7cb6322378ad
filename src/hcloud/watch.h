/* Everything that threads wait for, asked together: actions by id, servers by state.
 *
 * Whoever waits puts entries on the client's list. One of the waiting threads, the leader, polls for all of them in rounds; when
 * its own entries have ended, another takes over. An entry belongs to its thread, which stays until the entry is no longer
 * WATCH_WAITING. */
#pragma once

#include <hcloud/client.h>

#include "base/error.h"

enum watch_state { WATCH_WAITING, WATCH_DONE, WATCH_FAILED };

struct watch_entry {
        int64_t id;                     /* of the action or the server */
        bool server;
        /* Servers only, borrowed: */
        const char *selector;           /* a label selector that covers it, or NULL */
        const char *status;             /* wanted status, or NULL: only not locked */
        int64_t firewall;               /* wanted as applied; 0: wait for status and lock instead */
        int64_t deadline_ms;            /* monotonic */
        /* Set by the leader: */
        enum watch_state state;
        struct error error;
        unsigned missing;               /* polls in a row that did not know it */
        char seen[48];                  /* what it was last, for the message of a timeout */
        struct watch_entry *next, *origin;
};

struct watch *watch_new(void);
void watch_free(struct watch *w);

/* An answer showed that this action has succeeded: no need to ask. */
void watch_note_success(struct watch *w, int64_t action);
bool watch_knows_success(struct watch *w, int64_t action);

/* Returns when none of the n entries is waiting any more; the first failed one's error is given. Entries are emptied. */
int watch_run(struct hcloud_client *c, struct watch_entry *entries, size_t n, struct error *err);
