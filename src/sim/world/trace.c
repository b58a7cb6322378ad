/* --trace: every request and answer as one line of JSON, secrets cut. */
#include "sim/world/internal.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/json.h"

struct sim_trace { FILE *file; const char *spoilt; };

int sim_trace_open(struct sim_world *w, const char *path, struct error *err) {
        FILE *f = fopen(path, "ae");

        if (!f)
                return error_set_errno(err, "opening the trace file '%s'", path);
        w->trace = xnew0(struct sim_trace);
        w->trace->file = f;
        return 0;
}

void sim_trace_close(struct sim_world *w) {
        if (!w->trace)
                return;
        fclose(w->trace->file);
        free(w->trace);
        w->trace = NULL;
}

static bool is_secret(const char *key) {
        static const char *const keys[] = { "user_data", "root_password", "password", "private_key", "tsig_key", "wss_url", "token", "client-key-data",
                                            "secret", "key" };
        for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
                if (str_eq(key, keys[i]))
                        return true;
        return false;
}

static void cut_values(json_t *o) {
        const char *key;
        json_t *v;
        void *tmp;

        json_object_foreach_safe(o, tmp, key, v) json_object_set_new(o, key, json_string("[cut]"));
}

void sim_trace_cut(json_t *j) {
        const char *key;
        json_t *v;
        size_t i;
        void *tmp;

        if (json_is_array(j)) {
                json_array_foreach(j, i, v) sim_trace_cut(v);
                return;
        }
        if (!json_is_object(j))
                return;
        if (str_eq(json_string_value(json_object_get(j, "kind")), "Secret")) {
                cut_values(json_object_get(j, "data"));
                cut_values(json_object_get(j, "stringData"));
        }
        json_object_foreach_safe(j, tmp, key, v) {
                if (json_is_string(v) && is_secret(key))
                        json_object_set_new(j, key, json_string("[cut]"));
                else
                        sim_trace_cut(v);
        }
}

/* JSON as it is without its secrets; anything else only by its length, and its beginning when it is an answer of the Hetzner API. */
static json_t *body_json(const char *body, size_t n, bool show) {
        if (!n)
                return json_null();
        json_t *j = json_loadb(body, n, JSON_DECODE_ANY, NULL);
        if (j) {
                sim_trace_cut(j);
                return j;
        }
        j = json_pack("{s:I}", "bytes", (json_int_t) n);
        if (show) {
                char begin[81] = { 0 };
                for (size_t i = 0; i < n && i < 80; i++)
                        begin[i] = body[i] < 32 || body[i] > 126 ? ' ' : body[i];
                json_object_set_new(j, "begins", json_string(begin));
        }
        json_t *o = json_object();
        json_object_set_new(o, "not_json", j);
        return o;
}

void sim_trace_spoilt(struct sim_world *w, const char *fault) {
        if (w->trace)
                w->trace->spoilt = fault;
}

void sim_trace_exchange(struct sim_world *w, const char *part, const char *peer, const char *method, const char *target, const char *request_body,
                        size_t request_len, int status, const char *response_body, size_t response_len) {
        if (!w->trace)
                return;
        _cleanup_str_ char *time = time_format_micro(sim_now_ms(w));
        _cleanup_json_ json_t *j = json_object();
        json_object_set_new(j, "time", json_string(time));
        json_object_set_new(j, "part", json_string(part));
        if (peer)
                json_object_set_new(j, "peer", json_string(peer));
        json_object_set_new(j, "method", json_string(method));
        json_object_set_new(j, "target", json_string(target));
        json_object_set_new(j, "status", json_integer(status));
        if (w->trace->spoilt)
                json_object_set_new(j, "fault", json_string(w->trace->spoilt));
        w->trace->spoilt = NULL;
        json_object_set_new(j, "request", body_json(request_body, request_len, false));
        json_object_set_new(j, "response", body_json(response_body, response_len, str_eq(part, "hetzner")));
        _cleanup_str_ char *line = json_write(j);
        fprintf(w->trace->file, "%s\n", line);
        fflush(w->trace->file);
}
