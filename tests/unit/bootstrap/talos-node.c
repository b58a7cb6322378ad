/* Bringing a config onto a node. The linker puts the double below in the place of grpc_unary(): it is the node, from the encoded
 * request to the encoded answer, since a node's port is always 50000 and no test may count on that being free. */
#include "bootstrap/private.h"
#include "ground.h"
#include "talos/proto.h"

/* How the node behaves to a call. */
enum mood {
        SILENT,                  /* nothing answers */
        MAINTENANCE,             /* waits for a config, knows no certificates */
        SECURE_BOOTING,          /* has our config */
        SECURE_RUNNING,
        FOREIGN,                 /* has another cluster's */
};

static struct {
        enum mood mood;
        unsigned applied;        /* configs that it was given */
        enum { TAKES, TAKES_UNANSWERED, REFUSES, REFUSES_OLD } apply;
        enum mood after;         /* its mood once a config was taken … */
        unsigned looks_until;    /* … and that many further calls have been made */
        char config[64];
        uint64_t mode;
        const char *unmet;
        unsigned calls;
} node;

int __wrap_grpc_unary(const struct grpc_call *call, struct strbuf *ret_message, struct error *err);

static int refuse(struct error *err, enum error_kind kind, int grpc_status, bool ambiguous, const char *text) {
        error_set(err, kind, "%s", text);
        err->grpc_status = grpc_status;
        err->ambiguous = ambiguous;
        return -1;
}

static int config_field(const struct proto_field *f, void *into, struct error *err) {
        struct strbuf b = STRBUF_INIT;

        (void) into;
        if (f->number == 4)
                return proto_get_uint(f, &node.mode, err);
        if (f->number != 1 || proto_get_bytes(f, &b, err) < 0)
                return 0;
        snprintf(node.config, sizeof(node.config), "%s", strbuf_str(&b));
        strbuf_done(&b);
        return 0;
}

static int apply(const struct grpc_call *call, struct strbuf *ret, struct error *err) {
        _cleanup_strbuf_ struct strbuf element = STRBUF_INIT;

        ck_assert(node.mood == MAINTENANCE && call->tls->insecure && !call->tls->cert_pem);
        node.applied++;
        if (node.apply == REFUSES)
                return refuse(err, ERR_INVALID, GRPC_INVALID_ARGUMENT, false, "unknown keys found: machin");
        if (node.apply == REFUSES_OLD)
                return refuse(err, ERR_REFUSED, GRPC_UNKNOWN, false, "unknown keys found: machin");
        ck_assert(proto_each(proto_read("apply", call->request, call->request_len), config_field, NULL, err) >= 0);
        if (node.looks_until == 0)
                node.mood = node.after;
        if (node.apply == TAKES_UNANSWERED)
                return refuse(err, ERR_UNAVAILABLE, -1, true, "the connection was closed");
        proto_put_message(ret, 1, &element);
        return 0;
}

static int status(struct strbuf *ret) {
        static const enum talos_stage stages[] = {
                [MAINTENANCE] = TALOS_STAGE_MAINTENANCE, [SECURE_BOOTING] = TALOS_STAGE_BOOTING,
                [SECURE_RUNNING] = TALOS_STAGE_RUNNING,
        };
        _cleanup_strbuf_ struct strbuf spec = STRBUF_INIT, ready = STRBUF_INIT, unmet = STRBUF_INIT, both = STRBUF_INIT;
        _cleanup_strbuf_ struct strbuf resource = STRBUF_INIT;

        if (node.unmet) {
                proto_put_str(&unmet, 1, node.unmet);
                proto_put_message(&ready, 2, &unmet);
        }
        proto_put_bool(&ready, 1, node.mood == SECURE_RUNNING);
        proto_put_uint(&spec, 1, stages[node.mood]);
        proto_put_message(&spec, 2, &ready);
        proto_put_bytes(&both, 1, spec.data, spec.len);
        proto_put_message(&resource, 2, &both);
        proto_put_message(ret, 1, &resource);
        return 0;
}

int __wrap_grpc_unary(const struct grpc_call *call, struct strbuf *ret, struct error *err) {
        bool secure = !call->tls->insecure;

        node.calls++;
        if (node.applied > 0 && node.mood == MAINTENANCE && node.looks_until > 0 && --node.looks_until == 0)
                node.mood = node.after;
        if (node.mood == SILENT)
                return refuse(err, ERR_UNAVAILABLE, -1, false, "no connection");
        if (node.mood == FOREIGN || secure != (node.mood != MAINTENANCE))
                return refuse(err, ERR_TLS, -1, false, "its certificate is of another CA");
        if (strstr(call->method, "ApplyConfiguration"))
                return apply(call, ret, err);
        if (strstr(call->method, "/cosi.resource.State/Get"))
                return status(ret);
        return refuse(err, ERR_REFUSED, GRPC_UNIMPLEMENTED, false, "no such call");
}

static struct ground g;
static struct error err;

static void setup(void) {
        memset(&node, 0, sizeof(node));
        node.after = SECURE_BOOTING;
        err = ERROR_INIT;
        ground_init(&g);
        g.b.talos = (struct http_tls) { .ca_pem = "ca", .cert_pem = "cert", .key_pem = "key" };
}

static void teardown(void) {
        ground_done(&g);
        error_done(&err);
}

static int push(int64_t timeout_ms) {
        const struct bootstrap_node n = ground_node(0);
        return bootstrap_push_config(&g.b, &n, "machine: {}", strlen("machine: {}"), timeout_ms, &err);
}

START_TEST(a_node_in_maintenance_is_given_its_config_once) {
        node.mood = MAINTENANCE;
        ck_ok(push(0), err);
        ck_assert_uint_eq(node.applied, 1);
        ck_assert_str_eq(node.config, "machine: {}");
        ck_assert_uint_eq(node.mode, TALOS_APPLY_AUTO); /* what Talos of 1.11 to 1.14 all take in maintenance mode */
}
END_TEST

START_TEST(a_node_with_our_config_is_left_alone) {
        node.mood = SECURE_RUNNING;
        ck_ok(push(0), err);
        ck_assert_uint_eq(node.applied, 0);
        ck_assert_int_eq(ground_elapsed(&g), 0);
}
END_TEST

START_TEST(a_lost_answer_counts_as_sent) {
        node.mood = MAINTENANCE;
        node.apply = TAKES_UNANSWERED;
        ck_ok(push(0), err);
        ck_assert_uint_eq(node.applied, 1);
}
END_TEST

START_TEST(a_node_that_stays_in_maintenance_is_asked_again) {
        node.mood = MAINTENANCE;
        node.apply = TAKES_UNANSWERED;
        node.looks_until = 5; /* the first config was lost on its way */
        ck_ok(push(0), err);
        ck_assert_uint_ge(node.applied, 2);
}
END_TEST

START_TEST(a_refused_config_ends_it_with_the_nodes_words) {
        node.mood = MAINTENANCE;
        node.apply = REFUSES;
        ck_fails(push(0), err, ERR_REFUSED);
        ck_assert_msg(strstr(err.message, "unknown keys found: machin") && strstr(err.message, "demo-0"), "%s", err.message);
        ck_assert_uint_eq(node.applied, 1);
}
END_TEST

START_TEST(older_talos_calls_a_bad_config_unknown) {
        node.mood = MAINTENANCE;
        node.apply = REFUSES_OLD;
        ck_fails(push(0), err, ERR_REFUSED);
        ck_assert_uint_eq(node.applied, 1);
}
END_TEST

START_TEST(another_clusters_node_is_a_conflict) {
        node.mood = FOREIGN;
        ck_fails(push(0), err, ERR_CONFLICT);
        ck_assert_uint_eq(node.applied, 0);
        /* Not at the first sight: an API that restarts with new certificates looks like that for a moment. */
        ck_assert_int_ge(ground_elapsed(&g), 10 * SECOND_MS);
        ck_assert_int_le(ground_elapsed(&g), 2 * MINUTE_MS);
}
END_TEST

START_TEST(a_silent_node_gives_the_hint_of_the_visible_address) {
        node.mood = SILENT;
        ck_fails(push(MINUTE_MS), err, ERR_TIMEOUT);
        ck_assert(err.hint && strstr(err.hint, "--operator") && strstr(err.hint, "2001:db8::1"));
        ck_assert(strstr(g.notes, "port 50000") != NULL);
}
END_TEST

START_TEST(a_shortly_silent_node_gives_no_hint) {
        node.mood = SILENT;
        ck_fails(push(5 * SECOND_MS), err, ERR_TIMEOUT);
        ck_assert(!err.hint || !strstr(err.hint, "--operator"));
}
END_TEST

START_TEST(booting_is_enough_only_when_running_is_not_wanted) {
        const struct bootstrap_node n = ground_node(0);

        node.mood = SECURE_BOOTING;
        node.unmet = "time";
        ck_ok(bootstrap_wait_talos(&g.b, &n, false, 0, &err), err);
        ck_fails(bootstrap_wait_talos(&g.b, &n, true, 5 * MINUTE_MS, &err), err, ERR_TIMEOUT);
        ck_assert(err.hint && strstr(err.hint, "ntp"));
        ck_assert(strstr(g.notes, "time is not in sync: do the node's resolvers answer") != NULL);
}
END_TEST

START_TEST(a_cancelled_push_is_no_unreachable_node) {
        struct cancel *cancel = cancel_new();

        node.mood = SILENT;
        g.b.cancel = cancel;
        cancel_trigger(cancel);
        ck_fails(push(0), err, ERR_CANCELLED);
        cancel_free(cancel);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("bootstrap talos-node");
        TCase *t = tcase_create("push");

        tcase_add_checked_fixture(t, setup, teardown);
        tcase_add_test(t, a_node_in_maintenance_is_given_its_config_once);
        tcase_add_test(t, a_node_with_our_config_is_left_alone);
        tcase_add_test(t, a_lost_answer_counts_as_sent);
        tcase_add_test(t, a_node_that_stays_in_maintenance_is_asked_again);
        tcase_add_test(t, a_refused_config_ends_it_with_the_nodes_words);
        tcase_add_test(t, older_talos_calls_a_bad_config_unknown);
        tcase_add_test(t, another_clusters_node_is_a_conflict);
        tcase_add_test(t, a_silent_node_gives_the_hint_of_the_visible_address);
        tcase_add_test(t, a_shortly_silent_node_gives_no_hint);
        tcase_add_test(t, booting_is_enough_only_when_running_is_not_wanted);
        tcase_add_test(t, a_cancelled_push_is_no_unreachable_node);
        suite_add_tcase(s, t);
        return s;
}

UNIT_MAIN(suite())
