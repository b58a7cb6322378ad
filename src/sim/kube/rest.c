/* Requests to answers: paths, who may, and the verbs on whole objects. */
#include "sim/kube/rest.h"

#include "base/codec.h"
#include "base/yaml.h"
#include "sim/kube/apply.h"
#include "sim/kube/patch.h"

void kube_answer_done(struct kube_answer *a) {
        kvs_done(&a->headers);
        free(a->body);
        kube_watch_stop(a->watch);
        *a = (struct kube_answer) { 0 };
}

void kube_target_done(struct kube_target *t) {
        free(t->name_space);
        free(t->name);
        free(t->subresource);
}

void answer_json(struct kube_answer *a, int status, json_t *body) {
        a->status = status;
        a->content_type = "application/json";
        free(a->body);
        a->body = json_write(body);
        json_decref(body);
}

void answer_failure(struct kube_answer *a, const struct kube_failure *f) {
        answer_json(a, f->code, kube_failure_status(f));
        if (f->retry_after_s) {
                _cleanup_str_ char *seconds = xasprintf("%d", f->retry_after_s);
                kvs_set(&a->headers, "Retry-After", seconds);
        }
}

bool request_is(const struct kube_request *r, const char *method) {
        return str_eq(r->method, method);
}

bool request_dry_run(const struct kube_request *r) {
        return str_eq(kvs_get(&r->query, "dryRun"), "All");
}

/* Without fieldManager it is the User-Agent up to the first slash (kubernetes: handlers/create.go managerOrUserAgent). */
char *request_manager(const struct kube_request *r) {
        const char *given = kvs_get(&r->query, "fieldManager");
        if (!str_empty(given))
                return xstrdup(given);
        if (str_empty(r->user_agent))
                return xstrdup("unknown");
        return xstrndup(r->user_agent, strcspn(r->user_agent, "/ "));
}

struct kube_writer request_writer(const struct kube_request *r, const char *manager, const char *subresource) {
        return (struct kube_writer) { .manager = manager, .subresource = subresource, .user = r->user ? r->user :
                                      "system:anonymous", .groups = r->groups,
                                      .dry_run = request_dry_run(r) };
}

int request_body(const struct kube_request *r, bool yaml, json_t **ret, struct kube_failure *f) {
        json_error_t where;
        /* A generic double has no schemas to decode protobuf with; a few commands of kubectl send nothing else ("create job",
         * "certificate approve"). */
        if (r->content_type && strstr(r->content_type, "protobuf"))
                return kube_fail(f, 415, "UnsupportedMediaType",
                                 "the simulated API server takes JSON and YAML, not protobuf: use a manifest with `apply -f`");
        json_t *body = json_loadb(r->body ? r->body : "", r->body_len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &where);
        if (!body && (yaml || (r->content_type && strstr(r->content_type, "yaml")))) {
                _cleanup_(yaml_freep) struct yaml_node *tree = NULL;
                _cleanup_error_ struct error err = ERROR_INIT;
                if (yaml_parse_one("body", r->body, r->body_len, &tree, &err) < 0)
                        return kube_fail(f, 400, "BadRequest", "error decoding YAML: %s", error_text(&err));
                body = yaml_to_json(tree);
        }
        if (!body)
                return kube_fail(f, 400, "BadRequest", "the object provided is unrecognized (must be valid JSON): %s",
                                 where.text);
        *ret = body;
        return 0;
}

static bool wants_table(const struct kube_request *r) {
        return r->accept && strstr(r->accept, "as=Table");
}

static bool wants_whole_objects(const struct kube_request *r) {
        return str_eq(kvs_get(&r->query, "includeObject"), "Object");
}

void answer_object(struct kube_cluster *c, const struct kube_request *r, const struct kube_type *t, struct kube_answer *a,
                   int status, const json_t *object) {
        if (wants_table(r) && request_is(r, "GET")) {
                _cleanup_json_ json_t *one = json_array();
                json_array_append(one, (json_t *) object);
                answer_json(a, status, table_of(c, t, one, jget_text(object, "metadata.resourceVersion"), wants_whole_objects(r),
                                                true));
                return;
        }
        answer_json(a, status, json_incref((json_t *) object));
}

int object_of(struct kube_cluster *c, const struct kube_target *to, const json_t **ret, struct kube_failure *f) {
        *ret = kube_get(c, to->type, to->name_space, to->name);
        if (*ret)
                return 0;
        _cleanup_str_ char *qualified = *to->type->group ? xasprintf("%s.%s", to->type->plural,
                                                                     to->type->group) : xstrdup(to->type->plural);
        return kube_fail_of(f, 404, "NotFound", to->type, to->name, "%s \"%s\" not found", qualified, to->name);
}

/* Continue tokens hold the last key and when they were given; the real server's expire with compaction, after five minutes. */
#define CONTINUE_LIFE_MS (5 * 60 * 1000)

static char *continue_token(struct kube_cluster *c, const char *last) {
        _cleanup_json_ json_t *token = json_pack("{s:I, s:I, s:s}", "rv", (json_int_t) c->rv, "at", (json_int_t) kube_now(c),
                                                 "start", last);
        _cleanup_str_ char *text = json_write(token);
        return base64url_encode(text, strlen(text));
}

static int continue_from(struct kube_cluster *c, const char *token, char **ret_last, struct kube_failure *f) {
        _cleanup_free_ uint8_t *bytes = NULL;
        size_t n;
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_json_ json_t *parsed = NULL;
        if (base64_decode(token, strlen(token), true, &bytes, &n, &err) < 0 || json_parse("continue token", (const char *) bytes,
                                                                                          n, &parsed, &err) < 0 ||
            !jget_text(parsed, "start"))
                return kube_fail(f, 400, "BadRequest", "continue key is not valid");
        if (kube_now(c) - meta_int(parsed, "at", 0) > CONTINUE_LIFE_MS)
                return kube_fail(f, 410, "Expired",
                                 "The provided continue parameter is too old to display a consistent list result. You can start a new list "
                                 "without the continue parameter.");
        *ret_last = xstrdup(jget_text(parsed, "start"));
        return 0;
}

struct selection { struct selector *labels; struct field_selector fields; };

static void selection_done(struct selection *s) {
        selector_free(s->labels);
        field_selector_done(&s->fields);
}

static int selection_of(const struct kube_request *r, const struct kube_type *t, struct selection *ret, struct kube_failure *f) {
        _cleanup_error_ struct error err = ERROR_INIT;
        if (selector_parse(kvs_get(&r->query, "labelSelector"), &ret->labels, &err) < 0 ||
            field_selector_parse(t->kind, kvs_get(&r->query, "fieldSelector"), &ret->fields, &err) < 0)
                return kube_fail(f, 400, "BadRequest", "%s", error_text(&err));
        return 0;
}

static bool selected(const struct selection *s, const json_t *o) {
        return selector_matches(s->labels, json_object_get(json_object_get(o, "metadata"),
                                                           "labels")) && field_selector_matches(&s->fields, o);
}

/* Up to limit matching objects from index at; *ret_next is the key of the last one when more match behind it. */
static json_t *pick(const struct kube_type *t, size_t at, const char *prefix, const struct selection *s, size_t limit,
                    const char **ret_last, size_t *ret_rest) {
        json_t *out = json_array();
        *ret_last = NULL;
        *ret_rest = 0;
        const char *last = NULL;
        for (size_t i = at; i < t->n && str_starts(t->items[i].key, prefix); i++) {
                if (!selected(s, t->items[i].value))
                        continue;
                if (limit && json_array_size(out) == limit) {
                        *ret_last = last;
                        (*ret_rest)++;
                        continue;
                }
                json_array_append(out, t->items[i].value);
                last = t->items[i].key;
        }
        return out;
}

static int list(struct kube_cluster *c, const struct kube_request *r, const struct kube_target *to, struct kube_answer *a,
                struct kube_failure *f) {
        _cleanup_(selection_done) struct selection s = { 0 };
        _cleanup_str_ char *prefix = to->name_space ? xasprintf("%s/", to->name_space) : xstrdup(""), *after = NULL;
        int64_t limit = 0;
        const char *token = kvs_get(&r->query, "continue"), *last;
        size_t rest;
        if (selection_of(r, to->type, &s, f) < 0)
                return -1;
        if (kvs_get(&r->query, "limit") && !parse_int64(kvs_get(&r->query, "limit"), 0, INT64_MAX, &limit))
                return kube_fail(f, 400, "BadRequest", "strconv.ParseInt: parsing \"%s\": invalid syntax",
                                 kvs_get(&r->query, "limit"));
        if (!str_empty(token) && continue_from(c, token, &after, f) < 0)
                return -1;
        size_t at = kube_lower_bound(to->type, after ? after : prefix);
        if (after && at < to->type->n && str_eq(to->type->items[at].key, after))
                at++;
        _cleanup_json_ json_t *items = pick(to->type, at, prefix, &s, (size_t) limit, &last, &rest);
        _cleanup_str_ char *rv = xasprintf("%lld", (long long) c->rv), *next = last ? continue_token(c, last) : NULL;
        json_t *out;
        if (wants_table(r)) {
                out = table_of(c, to->type, items, rv, wants_whole_objects(r), true);
        } else {
                _cleanup_str_ char *version = kube_type_api_version(to->type), *kind = xasprintf("%sList", to->type->kind);
                out = json_pack("{s:s, s:s, s:{s:s}, s:O}", "kind", kind, "apiVersion", version, "metadata", "resourceVersion",
                                rv, "items", items);
        }
        if (next) {
                json_object_set_new(meta_object(out, "metadata"), "continue", json_string(next));
                json_object_set_new(meta_object(out, "metadata"), "remainingItemCount", json_integer((json_int_t) rest));
        }
        answer_json(a, 200, out);
        return 0;
}

static int watch(struct kube_cluster *c, const struct kube_request *r, const struct kube_target *to, struct kube_answer *a,
                 struct kube_failure *f) {
        struct selection s = { 0 };
        const char *rv = kvs_get(&r->query, "resourceVersion");
        int64_t from = 0;
        if (selection_of(r, to->type, &s, f) < 0) {
                selection_done(&s);
                return -1;
        }
        struct kube_watch *w = xnew0(struct kube_watch);
        w->type = to->type;
        w->name_space = xstrdup(to->name_space);
        w->labels = s.labels;
        w->fields = s.fields;
        if (to->name) {          /* …/watch of one object is a list with a field selector */
                __typeof__(*w->fields.items) item = { .path = xstrdup("metadata.name"), .value = xstrdup(to->name) };
                ARRAY_APPEND(w->fields.items, w->fields.n, item);
        }
        a->watch = w;
        if (!str_empty(rv) && !parse_int64(rv, 0, INT64_MAX, &from))
                return kube_fail(f, 400, "BadRequest", "resourceVersion: Invalid value: \"%s\"", rv);
        if (from && from < c->compacted_rv)
                return kube_fail(f, 410, "Expired", "too old resource version: %lld (%lld)", (long long) from,
                                 (long long) c->compacted_rv);
        a->watch_bookmark = str_eq(kvs_get(&r->query, "sendInitialEvents"), "true");
        a->watch_initial = !from || a->watch_bookmark;
        a->watch_rv = a->watch_initial ? 0 : from;
        a->table = wants_table(r);
        a->table_objects = wants_whole_objects(r);
        if (!kvs_get(&r->query, "timeoutSeconds") || !parse_int64(kvs_get(&r->query, "timeoutSeconds"), 0, 86400, &a->timeout_s))
                a->timeout_s = 1800 + (int64_t) (c->env.random(c->env.data) % 1800);     /* --min-request-timeout, spread */
        a->status = 200;
        a->content_type = a->table ? "application/json;stream=watch" : "application/json";
        return 0;
}

/* Does the body say what the path says? Missing parts are filled in. */
static int fit_body(const struct kube_target *to, json_t *body, struct kube_failure *f) {
        _cleanup_str_ char *version = kube_type_api_version(to->type);
        if (!json_is_object(body))
                return kube_fail(f, 400, "BadRequest", "the object provided is unrecognized (must be of type %s)",
                                 to->type->kind);
        const char *own_version = jget_text(body, "apiVersion"), *own_kind = jget_text(body, "kind");
        if (str_empty(own_kind) && !str_empty(own_version))
                return kube_fail(f, 400, "BadRequest", "Object 'Kind' is missing in body");
        if ((own_version && !str_eq(own_version, version)) || (own_kind && !str_eq(own_kind, to->type->kind)))
                return kube_fail(f, 400, "BadRequest",
                                 "%s in version \"%s\" cannot be handled as a %s: no kind \"%s\" is registered for version \"%s\"",
                                 own_kind ? own_kind : "", to->type->version, to->type->kind, own_kind ? own_kind : "",
                                 own_version ? own_version : "");
        json_object_set_new(body, "apiVersion", json_string(version));
        json_object_set_new(body, "kind", json_string(to->type->kind));
        json_t *metadata = meta_object(body, "metadata");
        const char *name_space = meta_namespace(body), *name = meta_name(body);
        if (!kube_type_has(to->type, KUBE_NAMESPACED))
                json_object_del(metadata, "namespace");
        else if (name_space && *name_space && !str_eq(name_space, to->name_space))
                return kube_fail(f, 400, "BadRequest",
                                 "the namespace of the provided object does not match the namespace sent on the request");
        else
                json_object_set_new(metadata, "namespace", json_string(to->name_space));
        if (to->name && name && *name && !str_eq(name, to->name))
                return kube_fail(f, 400, "BadRequest", "the name of the object (%s) does not match the name on the URL (%s)",
                                 name, to->name);
        if (to->name)
                json_object_set_new(metadata, "name", json_string(to->name));
        return 0;
}

static int create(struct kube_cluster *c, const struct kube_request *r, const struct kube_target *to, struct kube_answer *a,
                  struct kube_failure *f) {
        _cleanup_json_ json_t *body = NULL, *made = NULL;
        _cleanup_str_ char *manager = request_manager(r);
        if (kube_type_has(to->type, KUBE_NAMESPACED) && !to->name_space)
                return kube_fail(f, 405, "MethodNotAllowed", "the server does not allow this method on the requested resource");
        if (request_body(r, false, &body, f) < 0 || fit_body(to, body, f) < 0)
                return -1;
        struct kube_writer w = request_writer(r, manager, "");
        if (kube_write(c, to->type, NULL, TAKE(body), &w, &made, f) < 0)
                return -1;
        answer_object(c, r, to->type, a, 201, made);
        return 0;
}

static int check_version(const struct kube_target *to, const json_t *before, const json_t *value, struct kube_failure *f) {
        const char *given = jget_text(value, "metadata.resourceVersion"), *uid = jget_text(value, "metadata.uid");
        _cleanup_str_ char *qualified = *to->type->group ? xasprintf("%s.%s", to->type->plural,
                                                                     to->type->group) : xstrdup(to->type->plural);
        if (!str_empty(given) && !str_eq(given, jget_text(before, "metadata.resourceVersion")))
                return kube_fail_of(f, 409, "Conflict", to->type, to->name,
                                    "Operation cannot be fulfilled on %s \"%s\": the object has been modified; please "
                                    "apply your changes to the latest version and try again", qualified, to->name);
        if (!str_empty(uid) && !str_eq(uid, meta_uid(before)))
                return kube_fail_of(f, 409, "Conflict", to->type, to->name,
                                    "Operation cannot be fulfilled on %s \"%s\": Precondition failed: UID in precondition: "
                                    "%s, UID in object meta: %s", qualified, to->name, uid, meta_uid(before));
        return 0;
}

static int put(struct kube_cluster *c, const struct kube_request *r, const struct kube_target *to, const char *subresource,
               struct kube_answer *a,
               struct kube_failure *f) {
        const json_t *before;
        _cleanup_json_ json_t *body = NULL, *made = NULL;
        _cleanup_str_ char *manager = request_manager(r);
        if (request_body(r, false, &body, f) < 0 || fit_body(to, body, f) < 0 || object_of(c, to, &before, f) < 0 ||
            check_version(to, before, body, f) < 0)
                return -1;
        struct kube_writer w = request_writer(r, manager, subresource);
        if (kube_write(c, to->type, before, TAKE(body), &w, &made, f) < 0)
                return -1;
        answer_object(c, r, to->type, a, 200, made);
        return 0;
}

static int apply(struct kube_cluster *c, const struct kube_request *r, const struct kube_target *to, const char *subresource,
                 struct kube_answer *a,
                 struct kube_failure *f) {
        _cleanup_json_ json_t *body = NULL, *merged = NULL, *made = NULL, *causes = NULL;
        _cleanup_error_ struct error err = ERROR_INIT;
        const char *manager = kvs_get(&r->query, "fieldManager");
        bool force = str_eq(kvs_get(&r->query, "force"), "true");
        if (str_empty(manager)) {
                kube_fail(f, 422, "Invalid",
                          "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch");
                kube_fail_cause(f, "FieldValueRequired", "fieldManager", "Required value: is required for apply patch");
                return -1;
        }
        if (request_body(r, true, &body, f) < 0)
                return -1;
        if (str_empty(jget_text(body, "apiVersion")) || str_empty(jget_text(body, "kind")))
                return kube_fail(f, 400, "BadRequest", "error decoding YAML: Object 'Kind' is missing in apply configuration");
        if (json_array_size(jget(body, "metadata.managedFields")) > 0)
                return kube_fail(f, 400, "BadRequest", "metadata.managedFields must be nil");
        if (fit_body(to, body, f) < 0)
                return -1;
        const json_t *live = kube_get(c, to->type, to->name_space, to->name);
        if ((!live && *subresource && object_of(c, to, &live, f) < 0) || (live && check_version(to, live, body, f) < 0))
                return -1;
        if (kube_type_has(to->type, KUBE_STATUS) && !*subresource)
                json_object_del(body, "status");
        if (apply_merge(live, body, manager, subresource, force, kube_now(c), &merged, &causes, &err) < 0) {
                kube_fail(f, 409, "Conflict", "%s", error_text(&err));
                f->details = json_pack("{s:O}", "causes", causes);
                return -1;
        }
        struct kube_writer w = request_writer(r, manager, subresource);
        w.tracked = true;
        if (kube_write(c, to->type, live, TAKE(merged), &w, &made, f) < 0)
                return -1;
        answer_object(c, r, to->type, a, live ? 200 : 201, made);
        return 0;
}

static int patch(struct kube_cluster *c, const struct kube_request *r, const struct kube_target *to, const char *subresource,
                 struct kube_answer *a,
                 struct kube_failure *f) {
        const char *type = r->content_type ? r->content_type : "";
        if (str_starts(type, "application/apply-patch"))
                return apply(c, r, to, subresource, a, f);
        const json_t *before;
        _cleanup_json_ json_t *body = NULL, *value = NULL, *made = NULL;
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_str_ char *manager = request_manager(r);
        if (object_of(c, to, &before, f) < 0 || request_body(r, false, &body, f) < 0)
                return -1;
        value = json_deep_copy(before);
        bool strategic = str_starts(type, "application/strategic-merge-patch+json");
        if (strategic && kube_type_has(to->type, KUBE_CUSTOM))
                return kube_fail(f, 415, "UnsupportedMediaType",
                                 "the body of the request was in an unknown format - accepted media types include: "
                                 "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml");
        if (str_starts(type, "application/merge-patch+json")) {
                if (!json_is_object(body))
                        return kube_fail(f, 400, "BadRequest",
                                         "json: cannot unmarshal into Go value of type map[string]interface {}");
                patch_merge(value, body);
        } else if (strategic ? patch_strategic(value, body, &err) < 0 : str_starts(type, "application/json-patch+json") &&
                   patch_json(value, body, &err) < 0) {
                return kube_fail(f, err.kind == ERR_REFUSED ? 422 : 400, err.kind == ERR_REFUSED ? "Invalid" : "BadRequest",
                                 err.kind == ERR_REFUSED ? "the server rejected our request due to an error in our request: %s" :
                                 "%s", error_text(&err));
        } else if (!strategic && !str_starts(type, "application/json-patch+json")) {
                return kube_fail(f, 415, "UnsupportedMediaType",
                                 "the body of the request was in an unknown format - accepted media types include: "
                                 "application/json-patch+json, application/merge-patch+json, application/strategic-merge-patch+json, "
                                 "application/apply-patch+yaml");
        }
        if (check_version(to, before, value, f) < 0 || fit_body(to, value, f) < 0)
                return -1;
        struct kube_writer w = request_writer(r, manager, subresource);
        if (kube_write(c, to->type, before, TAKE(value), &w, &made, f) < 0)
                return -1;
        answer_object(c, r, to->type, a, 200, made);
        return 0;
}

int rest_write(struct kube_cluster *c, const struct kube_request *r, const struct kube_target *to, const char *subresource,
               struct kube_answer *a,
               struct kube_failure *f) {
        return request_is(r, "PUT") ? put(c, r, to, subresource, a, f) : patch(c, r, to, subresource, a, f);
}

/* Options come as query parameters, as a body, or both; the body wins. */
static int delete_options(const struct kube_request *r, struct kube_delete *ret, json_t **ret_body, struct kube_failure *f) {
        _cleanup_json_ json_t *body = NULL;
        if (r->body_len && request_body(r, false, &body, f) < 0)
                return -1;
        const char *policy = jget_text(body, "propagationPolicy"), *grace = kvs_get(&r->query, "gracePeriodSeconds");
        *ret = (struct kube_delete) { .grace = -1, .dry_run = request_dry_run(r) || json_array_size(jget(body, "dryRun")) > 0 };
        if (!policy)
                policy = kvs_get(&r->query, "propagationPolicy");
        if (policy && !str_eq(policy, "Orphan") && !str_eq(policy, "Background") && !str_eq(policy, "Foreground"))
                return kube_fail(f, 422, "Invalid",
                                 "DeleteOptions.meta.k8s.io \"\" is invalid: propagationPolicy: Unsupported value: \"%s\"",
                                 policy);
        ret->orphan = str_eq(policy, "Orphan") || meta_bool(body, "orphanDependents", false);
        if (grace)
                parse_int64(grace, 0, INT64_MAX, &ret->grace);
        ret->grace = meta_int(body, "gracePeriodSeconds", ret->grace);
        ret->uid = jget_text(body, "preconditions.uid");
        ret->resource_version = jget_text(body, "preconditions.resourceVersion");
        *ret_body = TAKE(body);
        return 0;
}

static int delete(struct kube_cluster *c, const struct kube_request *r, const struct kube_target *to, struct kube_answer *a,
                  struct kube_failure *f) {
        const json_t *object;
        _cleanup_json_ json_t *body = NULL, *left = NULL;
        struct kube_delete how;
        if (object_of(c, to, &object, f) < 0 || delete_options(r, &how, &body, f) < 0 ||
            kube_delete(c, to->type, object, &how, &left, f) < 0)
                return -1;
        if (kube_get(c, to->type, to->name_space, to->name) || how.dry_run || str_eq(to->type->kind, "Namespace")) {
                answer_object(c, r, to->type, a, 200, left);
                return 0;
        }
        json_t *details = json_pack("{s:s, s:s, s:s}", "name", to->name, "kind", to->type->plural, "uid", meta_uid(left));
        jset_str(details, "group", *to->type->group ? to->type->group : NULL);
        answer_json(a, 200, json_pack("{s:s, s:s, s:{}, s:s, s:o}", "kind", "Status", "apiVersion", "v1", "metadata", "status",
                                      "Success", "details", details));
        return 0;
}

static int delete_collection(struct kube_cluster *c, const struct kube_request *r, const struct kube_target *to,
                             struct kube_answer *a, struct kube_failure *f) {
        _cleanup_(selection_done) struct selection s = { 0 };
        _cleanup_json_ json_t *body = NULL;
        struct kube_delete how;
        const char *last;
        size_t rest, i;
        if (selection_of(r, to->type, &s, f) < 0 || delete_options(r, &how, &body, f) < 0)
                return -1;
        _cleanup_str_ char *prefix = to->name_space ? xasprintf("%s/", to->name_space) : xstrdup("");
        _cleanup_json_ json_t *items = pick(to->type, kube_lower_bound(to->type, prefix), prefix, &s, 0, &last, &rest);
        json_t *each;
        json_array_foreach(items, i, each) {
                _cleanup_json_ json_t *left = NULL;
                if (kube_delete(c, to->type, each, &how, &left, f) < 0)
                        return -1;
        }
        _cleanup_str_ char *version = kube_type_api_version(to->type), *kind = xasprintf("%sList", to->type->kind);
        answer_json(a, 200, json_pack("{s:s, s:s, s:{}, s:O}", "kind", kind, "apiVersion", version, "metadata", "items", items));
        return 0;
}

/* "/apis/GROUP/VERSION/[namespaces/NS/]PLURAL[/NAME[/SUBRESOURCE]]" or "/api/v1/…". */
static int route(struct kube_cluster *c, const struct kube_request *r, struct kube_target *to, bool *ret_watch,
                 struct kube_failure *f) {
        _cleanup_strv_ struct strv parts = { 0 };
        strv_split(&parts, r->path + 1, '/');
        size_t at;
        const char *group, *version;
        if (parts.n > 2 && str_eq(parts.items[0], "api") && str_eq(parts.items[1], "v1")) {
                group = "";
                version = "v1";
                at = 2;
        } else if (parts.n > 3 && str_eq(parts.items[0], "apis")) {
                group = parts.items[1];
                version = parts.items[2];
                at = 3;
        } else {
                return kube_fail(f, 404, "NotFound", "the server could not find the requested resource");
        }
        if (str_eq(parts.items[at], "watch") && parts.n > at + 1) {
                *ret_watch = true;
                at++;
        }
        if (str_eq(parts.items[at], "namespaces") && parts.n > at + 2 && !(parts.n == at + 3 && (str_eq(parts.items[at + 2],
                                                                                          "status") || str_eq(parts.items[at + 2], "finalize")) && !*group)) {
                to->name_space = xstrdup(parts.items[at + 1]);
                at += 2;
        }
        to->type = kube_types_find(&c->types, group, version, parts.items[at]);
        bool namespaced = to->type && kube_type_has(to->type, KUBE_NAMESPACED);
        if (!to->type || parts.n > at + 3 || (to->name_space && !namespaced) ||
            (!to->name_space && namespaced && parts.n > at + 1))
                return kube_fail(f, 404, "NotFound", "the server could not find the requested resource");
        if (parts.n > at + 1 && *parts.items[at + 1])
                to->name = xstrdup(parts.items[at + 1]);
        if (parts.n > at + 2)
                to->subresource = xstrdup(parts.items[at + 2]);
        return 0;
}

static int dispatch(struct kube_cluster *c, const struct kube_request *r, struct kube_answer *a, struct kube_failure *f) {
        _cleanup_(kube_target_done) struct kube_target to = { 0 };
        bool watching = str_eq(kvs_get(&r->query, "watch"), "true") || str_eq(kvs_get(&r->query, "watch"), "1");
        if (route(c, r, &to, &watching, f) < 0)
                return -1;
        if (to.subresource) {
                if (subresource_handle(c, r, &to, a))
                        return 0;
                return kube_fail(f, 404, "NotFound", "the server could not find the requested resource");
        }
        if (request_is(r, "GET") && watching)
                return watch(c, r, &to, a, f);
        if (!to.name) {
                if (request_is(r, "GET"))
                        return list(c, r, &to, a, f);
                if (request_is(r, "POST"))
                        return create(c, r, &to, a, f);
                if (request_is(r, "DELETE"))
                        return delete_collection(c, r, &to, a, f);
        } else {
                const json_t *object;
                if (request_is(r, "GET") || request_is(r, "HEAD")) {
                        if (object_of(c, &to, &object, f) < 0)
                                return -1;
                        answer_object(c, r, to.type, a, 200, object);
                        return 0;
                }
                if (request_is(r, "PUT") || request_is(r, "PATCH"))
                        return rest_write(c, r, &to, "", a, f);
                if (request_is(r, "DELETE"))
                        return delete(c, r, &to, a, f);
        }
        return kube_fail(f, 405, "MethodNotAllowed", "the server does not allow this method on the requested resource");
}

/* RBAC of a fresh cluster: system:masters may do all, everybody may ask for health and version, nobody else anything. */
static int authorise(const struct kube_request *r, struct kube_failure *f) {
        static const char *const open_paths[] = { "/healthz", "/livez", "/readyz", "/version" };
        for (size_t i = 0; i < ARRAY_SIZE(open_paths); i++)
                if (str_eq(r->path, open_paths[i]))
                        return 0;
        if (r->user && r->groups && strv_has(r->groups, "system:masters"))
                return 0;
        const char *user = r->user ? r->user : "system:anonymous";
        return kube_fail(f, 403, "Forbidden", "forbidden: User \"%s\" cannot %s path \"%s\"", user,
                         request_is(r, "GET") ? "get" : request_is(r, "POST") ? "post" : request_is(r, "DELETE") ? "delete" :
                         "put", r->path);
}

void kube_handle(struct kube_cluster *c, const struct kube_request *r, struct kube_answer *ret) {
        _cleanup_kube_failure_ struct kube_failure f = { 0 };
        if (authorise(r, &f) < 0 || (!discovery_handle(c, r, ret) && dispatch(c, r, ret, &f) < 0)) {
                kube_watch_stop(TAKE(ret->watch));
                answer_failure(ret, &f);
        }
}
