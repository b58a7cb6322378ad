/* What things are called in the cloud, and the labels that say whose they are. */
#include <ctype.h>

#include "cluster/model.h"

char *name_node(const char *cluster, const char *pool, int64_t index) {
        return xasprintf("%s-%s-%lld", cluster, pool, (long long) index);
}

char *name_lock(const char *cluster) {
        return xasprintf("hcloud-v6-lock-%s", cluster);
}

char *name_firewall(const char *cluster) {
        return xasprintf("%s-nodes", cluster);
}

char *name_network(const char *cluster) {
        return xasprintf("%s-private", cluster);
}

char *name_group(const char *cluster, const char *pool, size_t number) {
        return xasprintf("%s-%s-spread-%zu", cluster, pool, number);
}

void cluster_labels(const struct cluster *c, const char *role, const char *pool, int64_t index, struct hcloud_labels *ret) {
        *ret = (struct hcloud_labels) { 0 };
        hcloud_labels_set(ret, LABEL_CLUSTER, c->name);
        if (c->uid)
                hcloud_labels_set(ret, LABEL_UID, c->uid);
        if (role)
                hcloud_labels_set(ret, LABEL_ROLE, role);
        if (pool)
                hcloud_labels_set(ret, LABEL_POOL, pool);
        if (index) {
                _cleanup_str_ char *text = xasprintf("%lld", (long long) index);
                hcloud_labels_set(ret, LABEL_INDEX, text);
        }
}

bool is_ours(const struct cluster *c, const struct hcloud_labels *labels) {
        return str_eq(hcloud_labels_get(labels, LABEL_CLUSTER), c->name);
}

char *cluster_selector(const struct cluster *c) {
        char *s = NULL;
        if (hcloud_selector_one(LABEL_CLUSTER, c->name, &s, NULL) < 0)
                s = xasprintf(LABEL_CLUSTER "=%s", c->name);    /* cannot happen: the name was checked */
        return s;
}

char *label_value(const char *text) {
        char buf[64];
        size_t n = 0;
        for (const char *p = text; *p && n < sizeof(buf) - 1; p++) {
                bool plain = isalnum((unsigned char) *p) != 0;
                if (plain || (n > 0 && (*p == '-' || *p == '_' || *p == '.')))
                        buf[n++] = *p;
                else if (n > 0)
                        buf[n++] = '-';
        }
        while (n > 0 && !isalnum((unsigned char) buf[n - 1]))
                n--;
        buf[n] = '\0';
        return xstrdup(n ? buf : "x");
}

const char *location_zone(const char *location) {
        static const struct { const char *location, *zone; } known[] = {
                { "fsn1", "eu-central" }, { "nbg1", "eu-central" }, { "hel1", "eu-central" },
                { "ash", "us-east" }, { "hil", "us-west" }, { "sin", "ap-southeast" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(known); i++)
                if (str_eq(known[i].location, location))
                        return known[i].zone;
        return NULL;
}
