#include "hcloud/resource.h"

#include "base/codec.h"
#include "hcloud/watch.h"

#define PER_PAGE 50     /* the most the API gives; more is never asked for */
#define MAX_PAGES 10000 /* half a million objects: a list that goes on behind that has no end */

/* ---- lists ---- */

static void add_parameter(struct strbuf *query, const char *key, const char *value) {
        _cleanup_str_ char *encoded = percent_encode(value);
        strbuf_addf(query, "%c%s=%s", query->len ? '&' : '?', key, encoded);
}

static int add_one(const struct resource *res, struct strbuf *query, enum filter filter, const char *key, const char *value,
                   struct error *err) {
        if (str_empty(value))
                return 0;
        if (!(res->filters & filter))
                return error_set(err, ERR_INVALID, "a list of %ss cannot be filtered by %s", res->title, key);
        add_parameter(query, key, value);
        return 0;
}

static int add_many(const struct resource *res, struct strbuf *query, enum filter filter, const char *key,
                    const char *const *values, struct error *err) {
        for (; values && *values; values++) {
                int r = add_one(res, query, filter, key, *values, err);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int add_filters(const struct resource *res, const struct hcloud_list_options *o, struct strbuf *query, struct error *err) {
        char bound_to[24] = "";
        if (o->bound_to)
                snprintf(bound_to, sizeof(bound_to), "%lld", (long long) o->bound_to);
        int r = add_one(res, query, FILTER_NAME, "name", o->name, err);
        r = r < 0 ? r : add_one(res, query, FILTER_LABELS, "label_selector", o->label_selector, err);
        r = r < 0 ? r : add_many(res, query, FILTER_STATUS, "status", o->status, err);
        r = r < 0 ? r : add_many(res, query, FILTER_TYPE, "type", o->type, err);
        r = r < 0 ? r : add_one(res, query, FILTER_ARCHITECTURE, "architecture", o->architecture, err);
        r = r < 0 ? r : add_one(res, query, FILTER_IP, "ip", o->ip, err);
        r = r < 0 ? r : add_one(res, query, FILTER_FINGERPRINT, "fingerprint", o->fingerprint, err);
        r = r < 0 ? r : add_one(res, query, FILTER_MODE, "mode", o->mode, err);
        r = r < 0 ? r : add_one(res, query, FILTER_BOUND_TO, "bound_to", bound_to, err);
        r = r < 0 ? r : add_one(res, query, FILTER_DEPRECATED, "include_deprecated", o->include_deprecated ? "true" : NULL, err);
        return r < 0 ? r : add_many(res, query, FILTER_SORT, "sort", o->sort, err);
}

int list_query(const struct resource *res, const struct hcloud_list_options *options, int64_t page, char **ret, struct error *err) {
        _cleanup_strbuf_ struct strbuf query = STRBUF_INIT;
        int r = options ? add_filters(res, options, &query, err) : 0;
        if (r < 0)
                return r;
        if (page > 0)
                strbuf_addf(&query, "%cpage=%lld&per_page=%d", query.len ? '&' : '?', (long long) page, PER_PAGE);
        *ret = strbuf_take(&query);
        return 0;
}

/* The walk ends at next_page null, never at last_page; a next page that does not lead on would never end. (hcloud API:
 * "Pagination") */
static int read_pagination(const json_t *answer, struct hcloud_page *page, struct error *err) {
        const json_t *next = jget(answer, "meta.pagination.next_page"), *total = jget(answer, "meta.pagination.total_entries");
        int64_t current = MAX(page->next, (int64_t) 1);
        if (total && json_is_integer(total))
                page->total = json_integer_value(total);
        if (!next) {
                page->ended = true;
                return 0;
        }
        if (json_integer_value(next) > MAX_PAGES)
                return error_set(err, ERR_PROTOCOL, "the list goes on behind page %d", MAX_PAGES);
        if (!json_is_integer(next) || json_integer_value(next) <= current)
                return error_set(err, ERR_PROTOCOL, "page %lld of the list names a next page that does not lead on",
                                 (long long) current);
        page->next = json_integer_value(next);
        return 0;
}

int resource_page(struct hcloud_client *c, const struct resource *res, const char *path,
                  const struct hcloud_list_options *options, bool poll, struct hcloud_page *page, void **ret, struct error *err) {
        _cleanup_str_ char *query = NULL, *full = NULL;
        _cleanup_json_ json_t *answer = NULL;
        struct raw_list *list = NULL;
        struct hcloud_page after = *page;
        if (page->ended)
                return 0;
        int r = list_query(res, options, MAX(page->next, (int64_t) 1), &query, err);
        if (r < 0)
                return r;
        full = path ? xasprintf("%s%s", path, query) : xasprintf("/%s%s", res->plural, query);
        r = api_call(c, &(struct api_request) { .method = "GET", .path = full, .poll = poll }, NULL, &answer, err);
        if (r >= 0)
                r = read_pagination(answer, &after, err);
        if (r >= 0)
                r = shape_read_list(res->shape, jget(answer, res->plural), &list, err);
        if (r < 0)
                return error_wrap(err, "listing %ss", res->title);
        *page = after;
        *ret = list;
        return 1;
}

int resource_list(struct hcloud_client *c, const struct resource *res, const char *path,
                  const struct hcloud_list_options *options, bool poll, void **ret, struct error *err) {
        struct raw_list *all = NULL;
        struct hcloud_page page = { 0 };
        for (;;) {
                void *more = NULL;
                int r = resource_page(c, res, path, options, poll, &page, &more, err);
                if (r < 0) {
                        shape_list_free(res->shape, all);
                        return r;
                }
                if (r == 0)
                        break;
                if (!all)
                        all = more;
                else
                        shape_list_join(res->shape, all, more);
        }
        *ret = all;
        return 0;
}

/* ---- one ---- */

static char *path_of(const struct resource *res, int64_t id) {
        return xasprintf("/%s/%lld", res->plural, (long long) id);
}

int resource_get(struct hcloud_client *c, const struct resource *res, int64_t id, void **ret, struct error *err) {
        _cleanup_str_ char *path = path_of(res, id);
        _cleanup_json_ json_t *answer = NULL;
        int r = api_call(c, &(struct api_request) { .method = "GET", .path = path }, NULL, &answer, err);
        if (r >= 0)
                r = shape_read_new(res->shape, jget(answer, res->key), ret, err);
        if (r < 0)
                return error_wrap(err, "reading %s %lld", res->title, (long long) id);
        return 0;
}

/* The one element of that exact name in a list answer, borrowed, or NULL. */
static const json_t *named(const json_t *answer, const struct resource *res, const char *name) {
        size_t i;
        const json_t *item, *items = jget(answer, res->plural);
        json_array_foreach((json_t *) items, i, item)
                if (str_eq(jget_text(item, "name"), name))
                        return item;
        return NULL;
}

static int look_up(struct hcloud_client *c, const struct resource *res, const char *path, const char *name, struct attempts *a,
                   json_t **ret_answer, struct error *err) {
        _cleanup_str_ char *query = NULL, *full = NULL;
        int r = list_query(res, &(struct hcloud_list_options) { .name = name }, 1, &query, err);
        if (r < 0)
                return r;
        full = path ? xasprintf("%s%s", path, query) : xasprintf("/%s%s", res->plural, query);
        return api_call(c, &(struct api_request) { .method = "GET", .path = full }, a, ret_answer, err);
}

int resource_get_by_name(struct hcloud_client *c, const struct resource *res, const char *name, void **ret, struct error *err) {
        _cleanup_json_ json_t *answer = NULL;
        if (str_empty(name))
                return error_set(err, ERR_INVALID, "reading a %s by name: the name is empty", res->title);
        int r = look_up(c, res, NULL, name, NULL, &answer, err);
        if (r >= 0) {
                const json_t *found = named(answer, res, name);
                if (!found)
                        return error_set(err, ERR_NOT_FOUND, "there is no %s '%s'", res->title, name);
                r = shape_read_new(res->shape, found, ret, err);
        }
        return r < 0 ? error_wrap(err, "reading %s '%s'", res->title, name) : 0;
}

/* See body_of(). */
static int check_body(const json_t *body, struct error *err) {
        return json_is_object(body) ? 0 : error_set(err, ERR_INVALID, "a text in it is not valid UTF-8");
}

/* ---- create or adopt ---- */

static bool carries(const json_t *object, const struct hcloud_labels *adopt) {
        for (size_t i = 0; i < adopt->n; i++)
                if (!str_eq(json_string_value(json_object_get(jget(object, "labels"), adopt->items[i].key)), adopt->items[i].value))
                        return false;
        return true;
}

/* What the look-up after a doubtful create says: 1 adopted, 0 not there (or leaving), negative: there, but not ours. failure is
 * the create's own. */
static int judge_found(struct hcloud_client *c, const struct resource *res, const struct create *create, const json_t *list,
                       const struct error *failure, json_t **ret_answer, bool *ret_leaving, struct error *err) {
        const json_t *found = named(list, res, create->name);
        if (!found)
                return 0;
        const json_t *id = jget(found, "id");
        if (!create->adopt || create->adopt->n == 0 || !carries(found, create->adopt)) {
                error_set(err, ERR_EXISTS, "the name is taken by %s %lld, which does not carry the labels of this one%s",
                          res->title, (long long) json_integer_value(id),
                          failure->ambiguous ? " (the answer to the create was lost)" : "");
                if (err) {
                        err->api_code = xstrdup("uniqueness_error");
                        err->http_status = failure->http_status;
                        err->correlation_id = xstrdup(failure->correlation_id);
                }
                return -1;
        }
        /* On its way out: its name is free soon. */
        if (str_eq(jget_text(found, "status"), "deleting")) {
                *ret_leaving = true;
                return 0;
        }
        pthread_mutex_lock(&c->lock);
        c->stats.adopted++;
        pthread_mutex_unlock(&c->lock);
        *ret_answer = json_object();
        json_object_set(*ret_answer, res->key, (json_t *) found);
        return 1;
}

/* A create whose answer was lost, or whose name is taken: there is no idempotency key, so look by name. 1 adopted, 0 send it
 * again. */
static int resolve(struct hcloud_client *c, const struct resource *res, const struct create *create, struct attempts *a,
                   struct error *failure, json_t **ret_answer, struct error *err) {
        _cleanup_json_ json_t *list = NULL;
        bool leaving = false;
        int r;
        if (failure->kind != ERR_EXISTS) {
                r = api_wait_lost(c, a, failure, err);
                if (r < 0)
                        return r;
        }
        r = look_up(c, res, create->path, create->name, a, &list, err);
        if (r < 0)
                return r;
        r = judge_found(c, res, create, list, failure, ret_answer, &leaving, err);
        if (r != 0 || failure->kind != ERR_EXISTS)
                return r;
        /* Taken, but not under this name: an SSH key's fingerprint, say. */
        return leaving ? api_wait_lost(c, a, failure, err) : error_move(err, failure);
}

static int send_create(struct hcloud_client *c, const struct resource *res, const struct create *create, json_t **ret_answer,
                       struct error *err) {
        struct attempts attempts;
        _cleanup_str_ char *path = create->path ? xstrdup(create->path) : xasprintf("/%s", res->plural);
        attempts_start(c, &attempts);
        for (;;) {
                _cleanup_error_ struct error failure = ERROR_INIT;
                int r = api_call(c, &(struct api_request) { .method = "POST", .path = path, .body = create->body, .once = true },
                                 &attempts, ret_answer, &failure);
                if (r >= 0)
                        return 0;
                if (!failure.ambiguous && failure.kind != ERR_EXISTS)
                        return error_move(err, &failure);
                r = resolve(c, res, create, &attempts, &failure, ret_answer, err);
                if (r != 0)
                        return r;
        }
}

int resource_create(struct hcloud_client *c, const struct resource *res, const struct create *create, json_t **ret_answer,
                    bool *ret_adopted, struct error *err) {
        int r = create->unchecked_name && !str_empty(create->name) ? 0 : hcloud_name_check(res->rule, create->name, err);
        if (r >= 0)
                r = hcloud_labels_check(create->labels, err);
        if (r >= 0)
                r = check_body(create->body, err);
        if (r >= 0) {
                jset_str(create->body, "name", create->name);
                if (create->labels)
                        jset(create->body, "labels", json_from_kvs((const struct kvs *) create->labels));
                r = send_create(c, res, create, ret_answer, err);
        }
        if (r < 0)
                return error_wrap(err, "creating %s '%s'", res->title, create->name ? create->name : "");
        if (ret_adopted)
                *ret_adopted = r == 1;
        return 0;
}

int resource_create_simple(struct hcloud_client *c, const struct resource *res, const struct create *create, void **ret,
                           int64_t *ret_action, bool *ret_adopted, struct error *err) {
        _cleanup_json_ json_t *answer = NULL;
        int64_t action = 0;
        bool adopted = false;
        int r = resource_create(c, res, create, &answer, &adopted, err);
        if (r < 0)
                return r;
        r = answer_action(c, answer, "action", &action, err);
        if (r >= 0)
                r = shape_read_new(res->shape, jget(answer, res->key), ret, err);
        if (r < 0)
                return error_wrap(err, "creating %s '%s'", res->title, create->name);
        if (ret_action)
                *ret_action = action;
        if (ret_adopted)
                *ret_adopted = adopted;
        return 0;
}

/* ---- change and delete ---- */

int resource_put(struct hcloud_client *c, const struct resource *res, int64_t id, const char *path, json_t *body, void **ret,
                 struct error *err) {
        _cleanup_json_ json_t *owned = body, *answer = NULL;
        _cleanup_str_ char *full = path ? xstrdup(path) : path_of(res, id);
        int r = check_body(owned, err);
        if (r >= 0)
                r = api_call(c, &(struct api_request) { .method = "PUT", .path = full, .body = owned }, NULL, &answer, err);
        if (r >= 0 && ret)
                r = shape_read_new(res->shape, jget(answer, res->key), ret, err);
        return r < 0 ? error_wrap(err, "changing %s %s", res->title, full + strlen(res->plural) + 2) : 0;
}

int resource_update(struct hcloud_client *c, const struct resource *res, int64_t id, const char *name,
                    const struct hcloud_labels *labels, void **ret, struct error *err) {
        _cleanup_json_ json_t *body = json_object();
        int r = name ? hcloud_name_check(res->rule, name, err) : 0;
        if (r >= 0)
                r = hcloud_labels_check(labels, err);
        if (r < 0)
                return error_wrap(err, "changing %s %lld", res->title, (long long) id);
        jset_str(body, "name", name);
        if (labels)
                jset(body, "labels", json_from_kvs((const struct kvs *) labels));
        return resource_put(c, res, id, NULL, TAKE(body), ret, err);
}

int resource_delete(struct hcloud_client *c, const struct resource *res, int64_t id, const char *path,
                    const char *const *also_retry, int64_t *ret_action, struct error *err) {
        _cleanup_json_ json_t *answer = NULL;
        _cleanup_error_ struct error failure = ERROR_INIT;
        _cleanup_str_ char *full = path ? xstrdup(path) : path_of(res, id);
        int64_t action = 0;
        int r = api_call(c, &(struct api_request) { .method = "DELETE", .path = full, .also_retry = also_retry }, NULL, &answer,
                         &failure);
        if (r >= 0)
                r = answer_action(c, answer, "action", &action, &failure);
        if (r < 0 && failure.kind != ERR_NOT_FOUND) {
                error_move(err, &failure);
                return error_wrap(err, "deleting %s %s", res->title, full + strlen(res->plural) + 2);
        }
        if (ret_action)
                *ret_action = action;
        return 0;
}

/* ---- actions ---- */

static int read_action_id(struct hcloud_client *c, const json_t *action, int64_t *ret, struct error *err) {
        const json_t *id = jget(action, "id");
        if (!json_is_integer(id) || json_integer_value(id) <= 0)
                return error_set(err, ERR_PROTOCOL, "the API gave an action without an id");
        *ret = json_integer_value(id);
        if (str_eq(jget_text(action, "status"), "success"))
                watch_note_success(c->watch, *ret);
        return 0;
}

int answer_action(struct hcloud_client *c, const json_t *answer, const char *key, int64_t *ret, struct error *err) {
        const json_t *action = jget(answer, key);
        *ret = 0;
        return action ? read_action_id(c, action, ret, err) : 0;
}

int answer_actions(struct hcloud_client *c, const json_t *answer, const char *key, struct hcloud_ids *ret, struct error *err) {
        size_t i;
        const json_t *action, *actions = jget(answer, key);
        if (actions && !json_is_array(actions))
                return error_set(err, ERR_PROTOCOL, "the API's '%s' is no list", key);
        json_array_foreach((json_t *) actions, i, action) {
                int64_t id = 0;
                int r = read_action_id(c, action, &id, err);
                if (r < 0)
                        return r;
                hcloud_ids_add(ret, id);
        }
        return 0;
}

static bool means_done(const struct action_call *call, const struct error *failure) {
        for (const char *const *code = call->done; code && *code; code++)
                if (str_eq(*code, failure->api_code))
                        return true;
        return false;
}

int resource_action_answer(struct hcloud_client *c, const struct resource *res, int64_t id, const struct action_call *call,
                           json_t **ret_answer, struct error *err) {
        _cleanup_json_ json_t *body = call->body;
        _cleanup_error_ struct error failure = ERROR_INIT;
        _cleanup_str_ char *path = call->path ? xstrdup(call->path)
                                              : xasprintf("/%s/%lld/actions/%s", res->plural, (long long) id, call->name);
        const struct api_request request = {
                .method = "POST", .path = path, .body = body, .once = call->once, .also_retry = call->also_retry
        };
        int r = body ? check_body(body, &failure) : 0;
        if (r >= 0)
                r = api_call(c, &request, NULL, ret_answer, &failure);
        if (r >= 0)
                return 0;
        if (means_done(call, &failure)) {
                *ret_answer = NULL;
                return 0;
        }
        error_move(err, &failure);
        if (call->path)
                return error_wrap(err, "%s of %s %s", call->name, res->title, call->path + strlen(res->plural) + 2);
        return error_wrap(err, "%s of %s %lld", call->name, res->title, (long long) id);
}

int resource_action(struct hcloud_client *c, const struct resource *res, int64_t id, const struct action_call *call,
                    int64_t *ret_action, struct error *err) {
        _cleanup_json_ json_t *answer = NULL;
        int64_t action = 0;
        int r = resource_action_answer(c, res, id, call, &answer, err);
        if (r < 0)
                return r;
        r = answer_action(c, answer, "action", &action, err);
        if (r < 0)
                return error_wrap(err, "%s of %s", call->name, res->title);
        if (ret_action)
                *ret_action = action;
        return 0;
}

json_t *json_ids(const int64_t *ids, size_t n) {
        json_t *list = n ? json_array() : NULL;
        for (size_t i = 0; i < n; i++)
                json_array_append_new(list, json_integer(ids[i]));
        return list;
}

json_t *json_texts(const char *const *texts, size_t n) {
        json_t *list = n ? json_array() : NULL;
        for (size_t i = 0; i < n; i++)
                json_array_append_new(list, json_string(texts[i]));
        return list;
}
