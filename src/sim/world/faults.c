/* The faults: their names, their grammar, and whether one strikes. */
#include "sim/world/faults.h"

#include <fnmatch.h>

#include "base/error.h"

#define CALLS "route"
const struct sim_fault_kind sim_fault_kinds[] = {
        /* calls of the Hetzner API */
        { "429", CALLS, "", "rate_limit_exceeded" },
        { "500", CALLS, "", "server_error" },
        { "502", CALLS, "", "502 with a page of HTML; nothing was done" },
        { "502-after", CALLS, "", "the same, but the work was done" },
        { "503", CALLS, "", "unavailable" },
        { "504", CALLS, "", "timeout; nothing was done" },
        { "drop", CALLS, "", "the work is done, then the connection breaks without an answer" },
        { "drop-before", CALLS, "", "the connection breaks, nothing was done" },
        { "slow-answer", CALLS, "ms", "the answer comes ms later (1000)" },
        { "locked", CALLS, "", "423 locked, for all but GET" },
        { "conflict", CALLS, "", "409 conflict, for all but GET" },
        { "maintenance", CALLS, "", "403 maintenance" },
        { "html", CALLS, "", "200 with a page of HTML" },
        { "truncated", CALLS, "part", "the answer ends in its middle (part=json or http; by chance when not said)" },
        { "huge", CALLS, "", "an answer of 40 MB" },
        { "api-error", CALLS, "code,status", "that code of the documentation, with its status and details (invalid_input); nothing was done" },
        { "empty", CALLS, "", "the work is done, the answer has no body" },
        { "close", CALLS, "", "the work is done, the connection ends in order without an answer" },
        { "silent", CALLS, "", "the work is done, no answer ever comes" },
        { "drip", CALLS, "", "the work is done, the answer comes as blanks, five a second, for ever" },
        { "endless", CALLS, "", "the work is done, the answer never ends" },
        { "unknown", CALLS, "words", "keys and enum words that nobody knows (words=all: wherever the API may grow)" },
        { "stale", CALLS, "changes", "a list as it was before the last changes=N (1) changes" },
        { "large-ids", CALLS, "", "ids above 2^53" },
        { "pages", CALLS, "size,move", "lists in pages of size (2); from the second page on one entry is missing (move=lost) or twice (move=twice)" },
        { "foreign", CALLS, "", "a list ends with an object of somebody else, without labels" },
        { "wrong-date", "", "seconds", "the header Date is so much ahead (-86400)" },
        { "unknown-status", "", "", "servers show a status nobody knows" },
        { "details-null", "", "", "errors come with details null" },
        { "duplicate", "", "", "the first entry of each list comes twice" },
        { "readonly-401", "", "", "a read-only token is refused as before September 2026: 401 token_readonly" },
        /* calls of Kubernetes and of Talos */
        { "kube-error", CALLS, "status", "a Status with that code (503); nothing was done" },
        { "kube-drop", CALLS, "", "the work is done, then the connection breaks without an answer" },
        { "kube-drop-before", CALLS, "", "the connection breaks, nothing was done" },
        { "small-pages", CALLS, "n", "a list of Kubernetes with a limit gives at most n (5) objects a page" },
        { "page-expired", CALLS, "", "the further page of such a list is refused: 410 Expired" },
        { "kube-empty", CALLS, "", "the work is done, the answer has no body" },
        { "kube-close", CALLS, "", "the work is done, the connection ends in order without an answer" },
        { "kube-silent", CALLS, "", "the work is done, no answer ever comes" },
        { "kube-drip", CALLS, "", "the work is done, the answer comes as blanks, five a second, for ever" },
        { "kube-endless", CALLS, "", "the work is done, the answer never ends" },
        { "kube-html", CALLS, "", "502 with a page of HTML; the work is done" },
        { "kube-truncated", CALLS, "", "half of the answer, then the connection ends" },
        { "kube-unknown", CALLS, "", "keys that nobody knows, in every object" },
        { "talos-error", "route,name", "code", "a call ends with that gRPC status (14, unavailable); nothing was done" },
        { "talos-drop-before", "route,name", "", "the stream is reset, nothing was done" },
        { "talos-drop", "route,name", "", "the work is done, the stream is reset without an answer" },
        { "talos-empty", "route,name", "", "the work is done, the stream ends without a status" },
        { "talos-silent", "route,name", "", "the work is done, no answer ever comes" },
        { "talos-garbled", "route,name", "", "the work is done, the answer's message is no protobuf" },
        { "talos-endless", "route,name", "", "the answer begins with a message of 2 GiB that never ends" },
        { "talos-html", "route,name", "", "502 with a page of HTML; nothing was done" },
        { "tls-alert", "part,name", "", "a new connection's client certificate is refused by an alert (part=kube or talos)" },
        { "stranger", "part,name", "", "a new connection is answered with another authority's certificate (part=kube or talos)" },
        /* what the cloud does */
        { "action-error", "command", "code", "an action ends in error (code=action_failed)" },
        { "action-stuck", "command", "", "an action never ends" },
        { "no-capacity", "type,location,name", "", "POST /servers: 412 resource_unavailable" },
        { "shown-unavailable", "type,location", "", "server types say available: false" },
        { "quota", "kind", "after", "403 resource_limit_exceeded once there are after=N of a kind (servers, primary_ips, …)" },
        { "firewall-in-use", "", "", "DELETE of a firewall: resource_in_use" },
        /* nodes */
        { "slow-node", "name,type,location", "factor,ms", "latencies times factor (5); at instant speed ms (3000) for each step" },
        { "steady", "", "", "latencies without their random spread of 15 %, for measurements" },
        { "node-never-boots", "name,type,location", "", "powered, but nothing answers" },
        { "metadata-route", "name,type,location", "", "booted with a private network attached, the node does not reach the metadata service" },
        { "image-pull", "name,type,location", "", "no image can be pulled on it" },
        { "kubelet-csr-early", "name,type,location", "", "its kubelet asks for a serving certificate before its Node exists" },
        /* what runs in Kubernetes */
        { "ccm-silent", "", "", "the cloud controller manager runs and does nothing" },
        { "job-fails", "", "", "pods of Jobs that only pretend to run end with exit code 1" },
        /* the world around */
        { "dns64-down", "", "", "the DNS64 resolvers do not answer" },
        { "nat64-down", "", "", "nothing answers behind NAT64" },
        { "charts-down", "", "", "the chart repository answers 503" },
        { "factory-down", "", "", "the image factory answers 503" },
        { "no-zst", "", "", "the image factory has no .zst" },
        { "image-html", "", "", "the image factory gives a web page instead of an image" },
        { "image-short", "", "", "the image factory gives half an image and calls it whole" },
        { "image-breaks-off", "", "", "the connection to the image factory ends in the middle of an image" },
        { "slow-link", "", "", "the image factory gives 256 KiB a second" },
        /* rescue systems */
        { "rescue-second", "name,type,location", "", "the rescue system takes the second address of the /64" },
        { "rescue-disconnect", "name,type,location", "", "it dies when some of an image is written" },
        { "disk-full", "name,type,location", "", "its disk takes 4 MiB and no more" },
        { NULL, NULL, NULL, NULL },
};

struct sim_fault {
        const struct sim_fault_kind *kind;
        char *spec;
        struct kvs parameters;
        int64_t count;           /* how often it may strike, -1: always */
        int64_t skip;
        double probability;
        uint64_t hits;
};

struct sim_faults { struct sim_fault **items; size_t n; };

struct sim_faults *sim_faults_new(void) {
        return xnew0(struct sim_faults);
}

static void fault_free(struct sim_fault *f) {
        free(f->spec);
        kvs_done(&f->parameters);
        free(f);
}
DEFINE_CLEANUP(struct sim_fault *, fault_free)

void sim_faults_clear(struct sim_faults *f) {
        for (size_t i = 0; i < f->n; i++)
                fault_free(f->items[i]);
        free(f->items);
        f->items = NULL;
        f->n = 0;
}

void sim_faults_free(struct sim_faults *f) {
        if (!f)
                return;
        sim_faults_clear(f);
        free(f);
}

static bool word_in(const char *list, const char *word) {
        _cleanup_strv_ struct strv words = { 0 };

        strv_split(&words, list, ',');
        return *word && strv_has(&words, word);
}

static int add_parameter(struct sim_fault *f, const char *text, struct error *err) {
        const char *equals = strchr(text, '=');

        if (!equals)
                return error_set(err, ERR_USAGE, "fault '%s': '%s' is not KEY=VALUE", f->spec, text);
        _cleanup_str_ char *key = xstrndup(text, (size_t) (equals - text));
        const char *value = equals + 1;
        char *end;

        if (str_eq(key, "count") || str_eq(key, "skip")) {
                if (!parse_int64(value, 0, INT32_MAX, str_eq(key, "count") ? &f->count : &f->skip))
                        return error_set(err, ERR_USAGE, "fault '%s': %s must be a number from 0", f->spec, key);
        } else if (str_eq(key, "p")) {
                f->probability = strtod(value, &end);
                if (end == value || *end || f->probability < 0 || f->probability > 1)
                        return error_set(err, ERR_USAGE, "fault '%s': p must be between 0 and 1", f->spec);
        } else if (!word_in(f->kind->patterns, key) && !word_in(f->kind->parameters, key)) {
                return error_set(err, ERR_USAGE, "fault '%s': '%s' knows count, skip, p%s%s%s%s, not '%s'", f->spec, f->kind->name,
                                 *f->kind->patterns ? "," : "", f->kind->patterns, *f->kind->parameters ? "," : "", f->kind->parameters, key);
        }
        kvs_set(&f->parameters, key, value);
        return 0;
}

int sim_faults_add(struct sim_faults *faults, const char *spec, struct error *err) {
        size_t n = strcspn(spec, ":");
        _cleanup_str_ char *name = xstrndup(spec, n);
        _cleanup_(fault_freep) struct sim_fault *f = xnew0(struct sim_fault);
        const char *names[ARRAY_SIZE(sim_fault_kinds)];

        f->spec = xstrdup(spec);
        f->count = -1;
        f->probability = 1;
        for (size_t i = 0; i < ARRAY_SIZE(sim_fault_kinds); i++) {
                names[i] = sim_fault_kinds[i].name;
                if (str_eq(names[i], name))
                        f->kind = &sim_fault_kinds[i];
        }
        if (!f->kind) {
                const char *near = str_nearest(name, names);
                return error_set(err, ERR_USAGE, "there is no fault '%s'%s%s%s", name, near ? "; did you mean '" : "", near ? near : "",
                                 near ? "'?" : "");
        }
        if (spec[n]) {
                _cleanup_strv_ struct strv parts = { 0 };
                strv_split(&parts, spec + n + 1, ',');
                for (size_t i = 0; i < parts.n; i++)
                        if (add_parameter(f, parts.items[i], err) < 0)
                                return -1;
        }
        ARRAY_APPEND(faults->items, faults->n, TAKE(f));
        return 0;
}

json_t *sim_faults_render(const struct sim_faults *f) {
        json_t *list = json_array();

        for (size_t i = 0; i < f->n; i++)
                json_array_append_new(list, json_pack("{s:s,s:I}", "spec", f->items[i]->spec, "hits", (json_int_t) f->items[i]->hits));
        return list;
}

static bool fits(const struct sim_fault *f, const char *name, const struct kv *facts, size_t n) {
        if (!str_eq(f->kind->name, name))
                return false;
        for (size_t i = 0; i < f->parameters.n; i++) {
                const struct kv *p = &f->parameters.items[i];
                const char *fact = NULL;
                if (!word_in(f->kind->patterns, p->key))
                        continue;
                for (size_t k = 0; k < n; k++)
                        if (str_eq(facts[k].key, p->key))
                                fact = facts[k].value;
                if (!fact || fnmatch(p->value, fact, 0) != 0)
                        return false;
        }
        return true;
}

bool sim_faults_any(struct sim_world *w, const char *name) {
        for (size_t i = 0; w->faults && i < w->faults->n; i++)
                if (str_eq(w->faults->items[i]->kind->name, name))
                        return true;
        return false;
}

const struct sim_fault *sim_fault_holds(struct sim_world *w, const char *name, const struct kv *facts, size_t n) {
        for (size_t i = 0; w->faults && i < w->faults->n; i++)
                if (fits(w->faults->items[i], name, facts, n))
                        return w->faults->items[i];
        return NULL;
}

const struct sim_fault *sim_fault_hit(struct sim_world *w, const char *name, const struct kv *facts, size_t n) {
        for (size_t i = 0; w->faults && i < w->faults->n; i++) {
                struct sim_fault *f = w->faults->items[i];
                if (f->count == 0 || !fits(f, name, facts, n))
                        continue;
                if (f->skip > 0) {
                        f->skip--;
                        continue;
                }
                if (f->probability < 1 && sim_random_unit(w) >= f->probability)
                        continue;
                if (f->count > 0)
                        f->count--;
                f->hits++;
                return f;
        }
        return NULL;
}

const char *sim_fault_value(const struct sim_fault *f, const char *key, const char *otherwise) {
        const char *v = kvs_get(&f->parameters, key);
        return v ? v : otherwise;
}

double sim_fault_number(const struct sim_fault *f, const char *key, double otherwise) {
        const char *v = kvs_get(&f->parameters, key);
        return v ? strtod(v, NULL) : otherwise;
}

bool sim_fault_on(struct sim_world *w, const char *name) {
        return sim_fault_hit(w, name, NULL, 0);
}

static size_t machine_facts(const struct sim_machine *m, struct kv ret[static 3]) {
        ret[0] = (struct kv) { (char *) "name", m->name };
        ret[1] = (struct kv) { (char *) "type", m->server_type };
        ret[2] = (struct kv) { (char *) "location", m->location };
        return 3;
}

bool sim_fault_machine(struct sim_world *w, const char *name, const struct sim_machine *m) {
        struct kv facts[3];
        return sim_fault_hit(w, name, facts, machine_facts(m, facts));
}

/* ---- the latency, which a fault can stretch ---- */

int64_t sim_latency(struct sim_world *w, const struct sim_machine *m, int64_t real_ms) {
        struct kv facts[3];
        const struct sim_fault *slow = m ? sim_fault_holds(w, "slow-node", facts, machine_facts(m, facts)) : NULL;

        if (!w->options.speed_real)
                return slow ? (int64_t) sim_fault_number(slow, "ms", 3000) : 0;
        double spread = sim_fault_on(w, "steady") ? 1 : 0.85 + 0.3 * sim_random_unit(w);
        double times = w->options.speed_times > 1 ? w->options.speed_times : 1;
        return (int64_t) ((double) real_ms * spread * (slow ? sim_fault_number(slow, "factor", 5) : 1) / times);
}
