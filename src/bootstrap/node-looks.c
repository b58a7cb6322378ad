/* One look at all Nodes for the many threads that wait for one each. */
#include <pthread.h>

#include "bootstrap/private.h"

#define FEW 2            /* so many who wait ask for their own Node only */

struct nodes_seen {
        unsigned refs;                   /* guarded by node_looks.lock */
        int64_t begun_ms;
        struct kube_nodes nodes;
        struct error error;              /* of the list; then there are no nodes */
};

struct node_looks {
        pthread_mutex_t lock;
        pthread_cond_t changed;
        struct nodes_seen *last;
        unsigned waiting;                /* threads between node_looks_enter() and node_looks_leave() */
        bool asking;                     /* one of them has asked for a list */
};

struct node_looks *node_looks_new(void) {
        struct node_looks *l = xnew0(struct node_looks);

        pthread_mutex_init(&l->lock, NULL);
        pthread_cond_init(&l->changed, NULL);
        return l;
}

/* With the lock held. */
static void seen_unref(struct nodes_seen *s) {
        if (!s || --s->refs > 0)
                return;
        kube_nodes_done(&s->nodes);
        error_done(&s->error);
        free(s);
}

void node_looks_free(struct node_looks *l) {
        if (!l)
                return;
        seen_unref(l->last);
        pthread_cond_destroy(&l->changed);
        pthread_mutex_destroy(&l->lock);
        free(l);
}

void node_looks_enter(const struct bootstrap *b) {
        if (!b->looks)
                return;
        pthread_mutex_lock(&b->looks->lock);
        b->looks->waiting++;
        pthread_mutex_unlock(&b->looks->lock);
}

/* The last who leaves takes the list away: hundreds of Nodes are worth their memory only while somebody waits. */
void node_looks_leave(const struct bootstrap *b) {
        struct node_looks *l = b->looks;

        if (!l)
                return;
        pthread_mutex_lock(&l->lock);
        if (--l->waiting == 0) {
                seen_unref(l->last);
                l->last = NULL;
        }
        pthread_mutex_unlock(&l->lock);
}

/* With the lock held; gives it up while the API server is asked. */
static void ask(const struct bootstrap *b, struct node_looks *l) {
        struct nodes_seen *s = xnew0(struct nodes_seen);

        l->asking = true;
        pthread_mutex_unlock(&l->lock);
        s->refs = 1;
        s->begun_ms = clock_mono_ms(b->clock);
        kube_nodes_list(b->kube, &s->nodes, &s->error);
        pthread_mutex_lock(&l->lock);
        seen_unref(l->last);
        l->last = s;
        l->asking = false;
        pthread_cond_broadcast(&l->changed);
}

/* With the lock held: what was asked for at `since` or later. */
static struct nodes_seen *see_all(const struct bootstrap *b, struct node_looks *l, int64_t since_ms) {
        while (!l->last || l->last->begun_ms < since_ms) {
                if (l->asking)
                        pthread_cond_wait(&l->changed, &l->lock);
                else
                        ask(b, l);
        }
        l->last->refs++;
        return l->last;
}

void node_look_done(struct node_look *look) {
        kube_node_done(&look->own);
        if (look->seen) {
                pthread_mutex_lock(&look->looks->lock);
                seen_unref(look->seen);
                pthread_mutex_unlock(&look->looks->lock);
        }
        *look = (struct node_look) { 0 };
}

int node_look(const struct bootstrap *b, const char *name, const struct wait *w, struct node_look *ret, struct error *err) {
        struct node_looks *l = b->looks;
        struct node_look look = { .looks = l };

        if (l) {
                pthread_mutex_lock(&l->lock);
                if (l->waiting > FEW)
                        look.seen = see_all(b, l, clock_mono_ms(b->clock) - wait_next_pause(w) / 2);
                pthread_mutex_unlock(&l->lock);
        }
        if (!look.seen) {
                if (kube_node_get(b->kube, name, &look.own, err) < 0)
                        return -1;
                *ret = look;
                ret->node = &ret->own;
                return 0;
        }
        look.node = kube_nodes_find(&look.seen->nodes, name);
        if (look.node) {
                *ret = look;
                return 0;
        }
        if (look.seen->error.kind != ERR_NONE)
                error_copy(err, &look.seen->error);
        else
                error_set(err, ERR_NOT_FOUND, "there is no Node '%s'", name);
        node_look_done(&look);
        return -1;
}
