/* A node's Talos: what state it is in, bringing a config onto it, waiting for it. */
#include "bootstrap/private.h"

#define NOBODY "nothing answers on port 50000"
#define LOOK_DEFAULT_MS (5 * SECOND_MS)
#define UNREACHABLE_HINT_MS (30 * SECOND_MS)
#define FOREIGN_SURE_MS MINUTE_MS              /* an API that restarts with new certificates, or a node that reboots, looks foreign for a while */
#define TIME_SYNC_HINT_MS (2 * MINUTE_MS)

void talos_view_done(struct talos_view *v) {
        free(v->stage);
        free(v->version);
        free(v->problem);
        *v = (struct talos_view) { 0 };
}

static void view_from_status(struct talos_view *v, const struct talos_machine_status *s) {
        v->condition = s->stage == TALOS_STAGE_RUNNING ? TALOS_RUNNING : s->stage == TALOS_STAGE_MAINTENANCE ? TALOS_MAINTENANCE : TALOS_BOOTING;
        v->ready = s->ready;
        v->stage = xstrdup(talos_stage_name(s->stage));
        if (s->n_unmet > 0)
                v->problem = talos_machine_status_text(s);
}

/* Without certificates: a node in maintenance mode answers; one that has a config of another cluster hangs up. */
static void look_in_maintenance(const struct bootstrap *b, const struct bootstrap_node *node, int64_t timeout_ms, struct talos_view *v,
                                const struct error *secure_error) {
        struct talos_client c = talos_client_maintenance(b->http, &node->addr, b->cancel);
        _cleanup_(talos_machine_status_done) struct talos_machine_status status = { 0 };
        _cleanup_error_ struct error err = ERROR_INIT;

        c.timeout_ms = timeout_ms;
        c.fresh = true;
        if (talos_machine_status(&c, &status, &err) >= 0) {
                view_from_status(v, &status);
                return;
        }
        v->condition = err.kind == ERR_TLS || err.kind == ERR_AUTH ? TALOS_FOREIGN : TALOS_UNREACHABLE;
        v->problem = xstrdup(v->condition == TALOS_FOREIGN ? error_text(secure_error) : NOBODY);
}

int bootstrap_look_talos(const struct bootstrap *b, const struct bootstrap_node *node, int64_t timeout_ms, struct talos_view *ret,
                         struct error *err) {
        int64_t timeout = timeout_ms > 0 ? timeout_ms : LOOK_DEFAULT_MS;
        struct talos_client c = node_secure(b, node, timeout);
        _cleanup_(talos_machine_status_done) struct talos_machine_status status = { 0 };
        _cleanup_(talos_version_info_done) struct talos_version_info version = { 0 };
        _cleanup_error_ struct error why = ERROR_INIT;
        struct talos_view view = { 0 };

        if (talos_machine_status(&c, &status, &why) >= 0) {
                view_from_status(&view, &status);
                if (talos_version(&c, &version, &why) >= 0)
                        view.version = TAKE(version.tag);
        } else if (why.kind == ERR_TLS || why.kind == ERR_AUTH) {
                look_in_maintenance(b, node, timeout, &view, &why);
        } else {
                view.condition = TALOS_UNREACHABLE;
                view.problem = xstrdup(NOBODY);
        }
        if (cancel_is_set(b->cancel)) {
                talos_view_done(&view);
                return cancel_check(b->cancel, err);
        }
        *ret = view;
        return 0;
}

static int hint_visible_address(const struct bootstrap_node *node, struct error *err) {
        char addr[IP6_STR_MAX];

        return error_hint(err, "nothing answers on [%s]:50000. If your traffic leaves through a VPN or a translated prefix (NPTv6), the firewall lets in "
                               "the wrong address: give the visible one with --operator PREFIX and run the command again",
                          ip6_format(&node->addr, addr));
}

/* The apply's error may mean that it arrived all the same: then the next look decides. */
static int apply_config(const struct bootstrap *b, const struct bootstrap_node *node, const char *config, size_t len, struct error *err) {
        struct talos_client c = talos_client_maintenance(b->http, &node->addr, b->cancel);
        _cleanup_error_ struct error why = ERROR_INIT;

        c.fresh = true;
        c.timeout_ms = 30 * SECOND_MS;
        if (talos_apply_config(&c, config, len, TALOS_APPLY_AUTO, false, NULL, &why) >= 0)
                return 0;
        /* Talos up to 1.12 calls a bad config UNKNOWN, later ones INVALID_ARGUMENT (talos-api.md 3.3). */
        if (why.kind == ERR_INVALID || why.grpc_status == GRPC_UNKNOWN)
                return error_set(err, ERR_REFUSED, "node '%s' refuses its machine config: %s", node->name, error_text(&why));
        return 0;
}

/* Did the wait end because nothing answered for so long that the firewall may be the reason? */
static bool is_silent_long(const struct talos_view *v, const struct wait *w, const struct error *err) {
        return v->condition == TALOS_UNREACHABLE && err->kind == ERR_TIMEOUT && wait_elapsed(w) > UNREACHABLE_HINT_MS;
}

/* A node boots for half a minute and more; past that the operator should know what else it could be. */
static void note_silence(const struct bootstrap *b, const struct wait *w) {
        if (wait_elapsed(w) > UNREACHABLE_HINT_MS)
                bootstrap_note(b, NOBODY " yet; behind a VPN or a translated prefix (NPTv6) the visible address differs: --operator PREFIX lets it in");
        else
                bootstrap_note(b, "waiting for port 50000");
}

int bootstrap_push_config(const struct bootstrap *b, const struct bootstrap_node *node, const char *config, size_t len,
                          int64_t timeout_ms, struct error *err) {
        struct wait w = wait_begin(b, timeout_ms, 5 * MINUTE_MS);
        int64_t foreign_since = -1;

        for (;;) {
                _cleanup_(talos_view_done) struct talos_view v = { 0 };
                int r = bootstrap_look_talos(b, node, LOOK_DEFAULT_MS, &v, err);

                if (r < 0)
                        return r;
                if (v.condition == TALOS_BOOTING || v.condition == TALOS_RUNNING)
                        return 0;
                if (v.condition == TALOS_MAINTENANCE) {
                        bootstrap_note(b, "applying the machine config");
                        r = apply_config(b, node, config, len, err);
                        if (r < 0)
                                return r;
                } else {
                        note_silence(b, &w);
                }
                if (v.condition != TALOS_FOREIGN)
                        foreign_since = -1;
                else if (foreign_since < 0)
                        foreign_since = wait_elapsed(&w);
                else if (wait_elapsed(&w) - foreign_since > FOREIGN_SURE_MS)
                        return error_set(err, ERR_CONFLICT, "node '%s' runs with the certificates of another cluster: %s", node->name, v.problem);
                r = wait_pause(&w, err, "node '%s' does not take its config: %s", node->name, v.problem ? v.problem : "in maintenance mode");
                if (r < 0)
                        return is_silent_long(&v, &w, err) ? hint_visible_address(node, err) : r;
        }
}

int bootstrap_wait_talos(const struct bootstrap *b, const struct bootstrap_node *node, bool wanted_running, int64_t timeout_ms,
                         struct error *err) {
        struct wait w = wait_begin(b, timeout_ms, 10 * MINUTE_MS);
        int64_t unsynced_since = -1;

        w.share = 20;                    /* one connection a node and look */
        for (;;) {
                _cleanup_(talos_view_done) struct talos_view v = { 0 };
                bool unsynced;
                int r = bootstrap_look_talos(b, node, LOOK_DEFAULT_MS, &v, err);

                if (r < 0)
                        return r;
                if (v.condition == TALOS_RUNNING || (v.condition == TALOS_BOOTING && !wanted_running))
                        return 0;
                unsynced = v.problem && strcasestr(v.problem, "time");
                unsynced_since = !unsynced ? -1 : unsynced_since < 0 ? wait_elapsed(&w) : unsynced_since;
                if (unsynced && wait_elapsed(&w) - unsynced_since > TIME_SYNC_HINT_MS)
                        bootstrap_note(b, "time is not in sync: do the node's resolvers answer, and can it reach its NTP servers over IPv6?");
                else if (v.condition == TALOS_UNREACHABLE)
                        note_silence(b, &w);
                else
                        bootstrap_note(b, "%s", v.problem ? v.problem : v.stage ? v.stage : "waiting for the node");
                r = wait_pause(&w, err, "node '%s' is not running: %s", node->name, v.problem ? v.problem : v.stage ? v.stage : "unreachable");
                if (r < 0 && unsynced && err->kind == ERR_TIMEOUT)
                        return error_hint(err, "time is not in sync: check the profile's dns64 resolvers and ntp servers");
                if (r < 0)
                        return is_silent_long(&v, &w, err) ? hint_visible_address(node, err) : r;
        }
}

#define ROUTES_MS (60 * SECOND_MS)

/* Whatever hinders one look is gone at the next, or it is said. */
static int read_routes(const struct bootstrap *b, const struct bootstrap_node *node, struct talos_routes *ret, struct error *err) {
        struct talos_client c = node_secure(b, node, 10 * SECOND_MS);
        struct wait w = wait_begin(b, 0, ROUTES_MS);

        for (;;) {
                _cleanup_error_ struct error why = ERROR_INIT;

                if (talos_route_list(&c, ret, &why) >= 0)
                        return 0;
                if (!kube_error_passes(&why)) {
                        error_move(err, &why);
                        return error_wrap(err, "reading the routes of node '%s'", node->name);
                }
                if (wait_pause(&w, err, "the routes of node '%s' cannot be read: %s", node->name, error_text(&why)) < 0)
                        return -1;
        }
}

/* The public link is the one that carries the IPv6 default route; the metadata service is reached through it too. */
int bootstrap_check_metadata_route(const struct bootstrap *b, const struct bootstrap_node *node, struct error *err) {
        _cleanup_(talos_routes_done) struct talos_routes routes = { 0 };
        const struct talos_route *to_metadata;
        const char *public_link = NULL;

        if (read_routes(b, node, &routes, err) < 0)
                return -1;
        for (size_t i = 0; i < routes.n; i++)
                if (str_eq(routes.items[i].family, "inet6") && str_empty(routes.items[i].destination))
                        public_link = routes.items[i].link;
        to_metadata = talos_routes_find_ipv4(&routes, "169.254.169.254");
        if (!to_metadata || !public_link || str_eq(to_metadata->link, public_link))
                return 0;
        error_set(err, ERR_REFUSED, "node '%s' would ask for its metadata over the private network: route %s via %s on %s", node->name,
                  str_empty(to_metadata->destination) ? "default" : to_metadata->destination,
                  str_empty(to_metadata->gateway) ? "-" : to_metadata->gateway, to_metadata->link);
        return error_hint(err, "after its next reboot the node would not find itself; use network: none, or detach it from the network");
}
