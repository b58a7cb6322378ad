/* Beginning etcd on one control plane, and waiting until all of them are members. */
#include "bootstrap/private.h"

int bootstrap_etcd(const struct bootstrap *b, const struct bootstrap_node *node, int64_t timeout_ms, struct error *err) {
        struct wait w = wait_begin(b, timeout_ms, 5 * MINUTE_MS);
        struct talos_client c = node_secure(b, node, 30 * SECOND_MS);

        for (;;) {
                _cleanup_error_ struct error why = ERROR_INIT;
                int r;

                if (talos_bootstrap(&c, &why) >= 0 || talos_bootstrap_verdict(&why) == TALOS_BOOTSTRAP_DONE_BEFORE)
                        return 0;
                if (why.kind == ERR_CANCELLED || talos_bootstrap_verdict(&why) == TALOS_BOOTSTRAP_FATAL) {
                        error_move(err, &why);
                        return error_wrap(err, "bootstrapping etcd on '%s'", node->name);
                }
                bootstrap_note(b, "%s", error_text(&why));
                r = wait_pause(&w, err, "etcd could not be bootstrapped on '%s': %s", node->name, error_text(&why));
                if (r < 0 && strstr(error_text(&why), "time is not in sync"))
                        return error_hint(err, "check the profile's dns64 resolvers and ntp servers");
                if (r < 0)
                        return r;
        }
}

int bootstrap_has_etcd(const struct bootstrap *b, const struct bootstrap_node *nodes, size_t n, int64_t timeout_ms, bool *ret,
                       struct error *err) {
        for (size_t i = 0; i < n; i++) {
                struct talos_client c = node_secure(b, &nodes[i], timeout_ms > 0 ? timeout_ms : 5 * SECOND_MS);
                _cleanup_(talos_etcd_members_done) struct talos_etcd_members m = { 0 };
                _cleanup_error_ struct error why = ERROR_INIT;

                if (talos_etcd_member_list(&c, true, &m, &why) >= 0 && m.n > 0) {
                        *ret = true;
                        return 0;
                }
                if (cancel_is_set(b->cancel))
                        return cancel_check(b->cancel, err);
        }
        *ret = false;
        return 0;
}

static bool is_voter(const struct talos_etcd_members *m, const struct bootstrap_node *node) {
        _cleanup_str_ char *host = ip6_bracket(&node->addr, 0);

        for (size_t i = 0; i < m->n; i++) {
                const struct talos_etcd_member *e = &m->items[i];
                bool same = str_eq(e->hostname, node->name);

                for (size_t j = 0; j < e->peer_urls.n; j++)
                        same = same || strstr(e->peer_urls.items[j], host);
                if (same && !e->learner)
                        return true;
        }
        return false;
}

/* The first control plane that answers is asked for all of them. */
static size_t count_voters(const struct bootstrap *b, const struct bootstrap_node *nodes, size_t n, const char **ret_missing) {
        for (size_t i = 0; i < n; i++) {
                struct talos_client c = node_secure(b, &nodes[i], 5 * SECOND_MS);
                _cleanup_(talos_etcd_members_done) struct talos_etcd_members m = { 0 };
                _cleanup_error_ struct error why = ERROR_INIT;
                size_t voters = 0;

                if (talos_etcd_member_list(&c, false, &m, &why) < 0)
                        continue;
                for (size_t j = 0; j < n; j++) {
                        if (is_voter(&m, &nodes[j]))
                                voters++;
                        else
                                *ret_missing = nodes[j].name;
                }
                return voters;
        }
        *ret_missing = nodes[0].name;
        return 0;
}

int bootstrap_wait_etcd(const struct bootstrap *b, const struct bootstrap_node *nodes, size_t n, int64_t timeout_ms, struct error *err) {
        struct wait w = wait_begin(b, timeout_ms, 5 * MINUTE_MS);

        for (;;) {
                const char *missing = "";
                size_t voters = count_voters(b, nodes, n, &missing);
                int r;

                if (voters == n)
                        return 0;
                bootstrap_note(b, "%zu of %zu etcd members", voters, n);
                r = wait_pause(&w, err, "%zu of %zu control planes are voting members of etcd; '%s' is not", voters, n, missing);
                if (r < 0)
                        return r;
        }
}
