#include "talos/api-private.h"

struct talos_client talos_client_secure(struct http_engine *engine, const struct ip6_addr *addr, const char *ca_pem,
                                        const char *crt_pem, const char *key_pem, const struct cancel *cancel) {
        return (struct talos_client) {
                .engine = engine, .addr = *addr, .cancel = cancel,
                .tls = { .ca_pem = ca_pem, .cert_pem = crt_pem, .key_pem = key_pem },
        };
}

struct talos_client talos_client_maintenance(struct http_engine *engine, const struct ip6_addr *addr, const struct cancel *cancel) {
        return (struct talos_client) { .engine = engine, .addr = *addr, .maintenance = true, .tls = { .insecure = true }, .cancel = cancel };
}

static int prepare(const struct talos_client *c, const char *method, const struct strbuf *request, int64_t default_timeout_ms,
                   struct grpc_call *ret, char **ret_origin, struct error *err) {
        if (!c->maintenance && (!c->tls.ca_pem || c->tls.insecure))
                return error_set(err, ERR_BUG, "%s: a secure call without a CA", method);
        _cleanup_str_ char *host = ip6_bracket(&c->addr, c->port ? c->port : TALOS_API_PORT);
        *ret_origin = xasprintf("https://%s", host);
        *ret = (struct grpc_call) {
                .engine = c->engine, .origin = *ret_origin, .method = method, .tls = &c->tls,
                .request = request ? request->data : NULL, .request_len = request ? request->len : 0, .node = c->node,
                .timeout_ms = c->timeout_ms ? c->timeout_ms : default_timeout_ms, .fresh = c->fresh, .cancel = c->cancel,
        };
        return 0;
}

/* The address in front tells nodes apart in messages. */
static int wrap(const struct talos_client *c, struct error *err) {
        _cleanup_str_ char *host = ip6_bracket(&c->addr, c->port ? c->port : TALOS_API_PORT);
        return error_wrap(err, "Talos API of %s", host);
}

int api_unreadable(const struct talos_client *c, struct error *err) {
        if (err && err->kind != ERR_NONE)
                err->kind = ERR_PROTOCOL;
        return wrap(c, err);
}

int api_unary(const struct talos_client *c, const char *method, const struct strbuf *request, int64_t default_timeout_ms,
              struct strbuf *ret, struct error *err) {
        _cleanup_str_ char *origin = NULL;
        struct grpc_call call;
        if (prepare(c, method, request, default_timeout_ms, &call, &origin, err) < 0 || grpc_unary(&call, ret, err) < 0)
                return wrap(c, err);
        return 0;
}

int api_stream(const struct talos_client *c, const char *method, const struct strbuf *request, grpc_message_fn fn, void *arg,
               struct error *err) {
        _cleanup_str_ char *origin = NULL;
        struct grpc_call call;
        if (prepare(c, method, request, 60000, &call, &origin, err) < 0)
                return wrap(c, err);
        call.idle_timeout_ms = 15000;
        if (grpc_server_stream(&call, fn, arg, err) < 0)
                return wrap(c, err);
        return 0;
}

/* ---- common.Metadata ---- */

void api_metadata_done(struct api_metadata *m) {
        free(m->hostname);
        free(m->error);
        free(m->status_message);
        *m = (struct api_metadata) { 0 };
}

static int rpc_status_field(const struct proto_field *f, void *into, struct error *err) {
        struct api_metadata *m = into;
        switch (f->number) {
        case 1: return proto_get_int(f, &m->code, err);
        case 2: return proto_get_str(f, &m->status_message, err);
        default: return 0;
        }
}

int api_metadata_field(const struct proto_field *f, void *into, struct error *err) {
        struct api_metadata *m = into;
        switch (f->number) {
        case 1: return proto_get_str(f, &m->hostname, err);
        case 2: return proto_get_str(f, &m->error, err);
        case 3: return proto_each_in(f, "google.rpc.Status", rpc_status_field, m, err);
        default: return 0;
        }
}

int api_metadata_check(const struct api_metadata *m, struct error *err) {
        if (str_empty(m->error) && m->code == 0)
                return 0;
        int code = m->code > 0 && m->code <= GRPC_UNAUTHENTICATED ? (int) m->code : GRPC_UNKNOWN;
        error_set(err, ERR_REFUSED, "node %s: %s", m->hostname ? m->hostname : "?", !str_empty(m->error) ? m->error : grpc_status_name(code));
        if (err) {
                err->grpc_status = code;
                err->retryable = code == GRPC_UNAVAILABLE || code == GRPC_FAILED_PRECONDITION;
        }
        return -1;
}

/* ---- MachineService answers ---- */

struct element {
        proto_field_fn fn;
        void *into;
        struct api_metadata metadata;
        unsigned elements;
};

static void element_done(struct element *e) {
        api_metadata_done(&e->metadata);
}

static int element_field(const struct proto_field *f, void *into, struct error *err) {
        struct element *e = into;
        if (f->number == 1)
                return proto_each_in(f, "common.Metadata", api_metadata_field, &e->metadata, err);
        return e->fn ? e->fn(f, e->into, err) : 0;
}

static int response_field(const struct proto_field *f, void *into, struct error *err) {
        struct element *e = into;
        if (f->number != 1 || e->elements++)
                return 0;
        return proto_each_in(f, "messages", element_field, e, err);
}

int api_machine(const struct talos_client *c, const char *method, const struct strbuf *request, int64_t default_timeout_ms,
                proto_field_fn fn, void *into, char **ret_hostname, struct error *err) {
        _cleanup_strbuf_ struct strbuf answer = STRBUF_INIT;
        _cleanup_(element_done) struct element e = { .fn = fn, .into = into };
        if (api_unary(c, method, request, default_timeout_ms, &answer, err) < 0)
                return -1;
        if (proto_each(proto_read(method + 1, answer.data, answer.len), response_field, &e, err) < 0 ||
            api_metadata_check(&e.metadata, err) < 0)
                return wrap(c, err);
        if (fn && e.elements == 0) {
                error_set(err, ERR_PROTOCOL, "%s: an answer without content", method);
                return wrap(c, err);
        }
        if (ret_hostname)
                *ret_hostname = TAKE(e.metadata.hostname);
        return 0;
}

int api_machine_plain(const struct talos_client *c, const char *method, const struct strbuf *request, int64_t default_timeout_ms,
                      struct error *err) {
        return api_machine(c, method, request, default_timeout_ms, NULL, NULL, NULL, err);
}
