/* Filling a snapshot: from answers, page by page, or from one file. */
#include "scaler/snapshot.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/clock.h"
#include "scaler/fields.h"
#include "scaler/read.h"

#define RECORD_MAX ((size_t) 2 * 1024 * 1024 * 1024)
#define OBJECT_MAX ((size_t) 64 * 1024 * 1024)

static const struct part {
        const char *key;
        const char *items;                 /* the list's key inside of an answer */
        bool single;                       /* one object, no list */
        read_fn read;                      /* NULL: pods */
} parts[_SNAPSHOT_PARTS] = {
        [SNAPSHOT_NODES] = { "nodes", "items", false, read_node },
        [SNAPSHOT_PODS] = { "pods", "items", false, NULL },
        [SNAPSHOT_BUDGETS] = { "podDisruptionBudgets", "items", false, read_budget },
        [SNAPSHOT_DAEMON_SETS] = { "daemonSets", "items", false, read_daemon_set },
        [SNAPSHOT_REPLICA_SETS] = { "replicaSets", "items", false, read_replica_set },
        [SNAPSHOT_VOLUMES] = { "persistentVolumes", "items", false, read_volume },
        [SNAPSHOT_SERVERS] = { "servers", "servers", false, read_server },
        [SNAPSHOT_SERVER_TYPES] = { "serverTypes", "server_types", false, read_server_type },
        [SNAPSHOT_PRICING] = { "pricing", NULL, true, read_pricing },
        [SNAPSHOT_POOLS] = { "pools", "pools", false, read_pool },
        [SNAPSHOT_SCALER] = { "scaler", NULL, true, read_settings },
};

const char *snapshot_part_key(enum snapshot_part part) {
        return parts[part].key;
}

struct snapshot *snapshot_new(bool recording) {
        struct snapshot *s = xnew0(struct snapshot);
        s->recording = recording;
        s->scratch = s->scratch_class = STRBUF_MAX(OBJECT_MAX);
        for (size_t i = 0; i < _SNAPSHOT_PARTS; i++)
                s->record[i] = STRBUF_MAX(RECORD_MAX);
        static const char *const fixed[] = { "cpu", "memory", "ephemeral-storage", "pods" };
        for (size_t i = 0; i < ARRAY_SIZE(fixed); i++)
                resource_number(s, arena_text(&s->arena, fixed[i]));
        s->settings = settings_default();
        return s;
}

void snapshot_free(struct snapshot *s) {
        if (!s)
                return;
        for (size_t i = 0; i < _SNAPSHOT_PARTS; i++)
                strbuf_done(&s->record[i]);
        strbuf_done(&s->scratch);
        strbuf_done(&s->scratch_class);
        void *lists[] = { s->nodes, s->pods, s->by_node, s->classes, s->class_slots, s->terms, s->topologies, s->budgets, s->daemons, s->replica_sets,
                          s->volumes, s->servers, s->types, s->price_lists, s->pools };
        for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
                free(lists[i]);
        strv_done(&s->warnings);
        arena_done(&s->arena);
        free(s);
}

uint32_t resource_number(struct snapshot *s, const char *name) {
        for (uint32_t i = 0; i < s->n_resources; i++)
                if (s->resources[i] == name)
                        return i;
        if (s->n_resources == RESOURCES_MAX)
                return RESOURCES_MAX;
        s->resources[s->n_resources] = name;
        return (uint32_t) s->n_resources++;
}

uint32_t topology_number(struct snapshot *s, const char *key) {
        for (uint32_t i = 0; i < s->n_topologies; i++)
                if (s->topologies[i] == key)
                        return i;
        ARRAY_APPEND(s->topologies, s->n_topologies, key);
        return (uint32_t) s->n_topologies - 1;
}

void snapshot_set_time(struct snapshot *s, int64_t now_ms) {
        s->has_time = true;
        s->now_ms = now_ms;
}

void snapshot_set_cluster(struct snapshot *s, const char *name) {
        s->cluster = arena_text(&s->arena, name);
}

/* ---- one object ---- */

/* A message of what reads an object gets the place: the object's end. */
static int at_place(const struct scan *scan, enum snapshot_part part, size_t index, struct error *err) {
        _cleanup_error_ struct error inner = ERROR_INIT;
        error_move(&inner, err);
        if (parts[part].single)
                return scan_fail(scan, err, "%s: %s", parts[part].key, error_text(&inner));
        return scan_fail(scan, err, "%s[%zu]: %s", parts[part].key, index, error_text(&inner));
}

static int read_object(struct snapshot *s, enum snapshot_part part, size_t index, struct scan *scan, struct error *err) {
        strbuf_clear(&s->scratch);
        if (scan_value(scan, part_fields[part], &s->scratch, err) < 0)
                return -1;
        if (strbuf_failed(&s->scratch))
                return scan_fail(scan, err, "%s[%zu] is larger than can be read", parts[part].key, index);
        if (s->scratch.data[0] != '{')
                return scan_fail(scan, err, "%s[%zu] is no object", parts[part].key, index);
        struct strbuf *record = &s->record[part];
        if (s->recording) {
                strbuf_adds(record, record->len ? ",\n" : "");
                strbuf_add(record, s->scratch.data, s->scratch.len);
        }
        if (!parts[part].read)
                return read_pod(s, s->scratch.data, s->scratch.len, err) < 0 ? at_place(scan, part, index, err) : 0;
        _cleanup_json_ json_t *o = NULL;
        if (json_parse(parts[part].key, s->scratch.data, s->scratch.len, &o, err) < 0 || parts[part].read(s, o, err) < 0)
                return at_place(scan, part, index, err);
        return 0;
}

/* ---- lists ---- */

static int read_array(struct snapshot *s, enum snapshot_part part, struct scan *scan, struct error *err) {
        if (scan_expect(scan, '[', err) < 0)
                return -1;
        bool more = true;
        for (size_t i = 0;; i++) {
                if (scan_step(scan, ']', i == 0, &more, err) < 0)
                        return -1;
                if (!more)
                        return 0;
                if (read_object(s, part, i, scan, err) < 0)
                        return -1;
        }
}

/* What follows a list that was cut into pages: Kubernetes' token, or the cloud's next page number. */
static int read_continue(struct scan *scan, char **ret, struct error *err) {
        static const struct scan_field next_page[] = { { "next_page", NULL }, { NULL, NULL } };
        static const struct scan_field fields[] = { { "continue", NULL }, { "pagination", next_page }, { NULL, NULL } };
        _cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
        _cleanup_json_ json_t *o = NULL;
        _cleanup_error_ struct error why = ERROR_INIT;
        if (scan_value(scan, fields, &text, err) < 0)
                return -1;
        if (json_parse("metadata", text.data, text.len, &o, &why) < 0)
                return scan_fail(scan, err, "%s", error_text(&why));
        const char *token = jget_text(o, "continue");
        const json_t *page = jget(o, "pagination.next_page");
        free(*ret);
        *ret = !str_empty(token) ? xstrdup(token) : page ? json_write(page) : NULL;
        return 0;
}

/* An answer: {"items": […], "metadata": {"continue": …}} or {"servers": […], "meta": {…}}. */
static int read_answer(struct snapshot *s, enum snapshot_part part, struct scan *scan, char **ret_continue, struct error *err) {
        _cleanup_strbuf_ struct strbuf key = STRBUF_INIT;
        bool found = false, more = true;
        if (scan_expect(scan, '{', err) < 0)
                return -1;
        for (bool first = true;; first = false) {
                if (scan_step(scan, '}', first, &more, err) < 0)
                        return -1;
                if (!more)
                        break;
                if (scan_key(scan, &key, err) < 0)
                        return -1;
                bool items = str_eq(strbuf_str(&key), "items") || str_eq(strbuf_str(&key), parts[part].items);
                bool meta = str_eq(strbuf_str(&key), "metadata") || str_eq(strbuf_str(&key), "meta");
                int rc = items && scan_peek(scan) == '[' ? read_array(s, part, scan, err)
                         : meta                          ? read_continue(scan, ret_continue, err)
                                                         : scan_value(scan, NULL, NULL, err);
                if (rc < 0)
                        return -1;
                found = found || items;
        }
        return found ? 0 : scan_fail(scan, err, "%s: neither an array nor a list with '%s'", parts[part].key, parts[part].items);
}

/* One value of a part, as it stands in an answer or under its key in a file. */
static int read_part(struct snapshot *s, enum snapshot_part part, struct scan *scan, char **ret_continue, struct error *err) {
        int c = scan_peek(scan);
        if (c == 'n')
                return scan_value(scan, NULL, NULL, err);      /* null: not known */
        int rc = parts[part].single ? read_object(s, part, 0, scan, err)
                 : c == '{'         ? read_answer(s, part, scan, ret_continue, err)
                                    : read_array(s, part, scan, err);
        s->known[part] = s->known[part] || rc == 0;
        return rc;
}

static int refuse_partial(const struct scan *scan, enum snapshot_part part, struct error *err) {
        return scan_fail(scan, err, "%s: the list is partial, a further page is announced; no decision is made of less than everything", parts[part].key);
}

int snapshot_add(struct snapshot *s, enum snapshot_part part, const char *what, const char *text, size_t len, char **ret_continue, struct error *err) {
        _cleanup_(scan_done) struct scan scan;
        _cleanup_str_ char *token = NULL;
        scan_init_text(&scan, what, text, len);
        if (read_part(s, part, &scan, &token, err) < 0 || scan_end(&scan, err) < 0)
                return -1;
        if (token && !ret_continue)
                return refuse_partial(&scan, part, err);
        s->partial[part] = token != NULL;
        if (ret_continue)
                *ret_continue = TAKE(token);
        return 0;
}

/* ---- a whole file ---- */

static int part_of_key(const char *key) {
        for (int i = 0; i < _SNAPSHOT_PARTS; i++)
                if (str_eq(key, parts[i].key))
                        return i;
        return -1;
}

/* "time" and "cluster". */
static int read_word(struct snapshot *s, const char *key, struct scan *scan, struct error *err) {
        _cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
        if (scan_value(scan, NULL, &text, err) < 0)
                return -1;
        _cleanup_json_ json_t *v = json_loadb(text.data, text.len, JSON_DECODE_ANY, NULL);
        const char *word = json_string_value(v);
        int64_t now;
        if (str_eq(key, "cluster") && word) {
                snapshot_set_cluster(s, word);
                return 0;
        }
        if (!word || !time_parse_rfc3339(word, &now))
                return scan_fail(scan, err, "'%s' must be %s", key, str_eq(key, "time") ? "a time like \"2026-01-31T12:00:00Z\"" : "a string");
        snapshot_set_time(s, now);
        return 0;
}

static int read_member(struct snapshot *s, const char *key, struct scan *scan, struct error *err) {
        if (str_eq(key, "time") || str_eq(key, "cluster"))
                return read_word(s, key, scan, err);
        int part = part_of_key(key);
        if (part < 0)
                return scan_value(scan, NULL, NULL, err);
        if (s->known[part])
                return scan_fail(scan, err, "'%s' stands there twice", key);
        _cleanup_str_ char *token = NULL;
        if (read_part(s, (enum snapshot_part) part, scan, &token, err) < 0)
                return -1;
        return token ? refuse_partial(scan, (enum snapshot_part) part, err) : 0;
}

static int read_file(struct snapshot *s, struct scan *scan, struct error *err) {
        _cleanup_strbuf_ struct strbuf key = STRBUF_INIT;
        bool more = true;
        if (scan_expect(scan, '{', err) < 0)
                return -1;
        for (bool first = true;; first = false) {
                if (scan_step(scan, '}', first, &more, err) < 0)
                        return -1;
                if (!more)
                        return scan_end(scan, err);
                if (scan_key(scan, &key, err) < 0 || read_member(s, strbuf_str(&key), scan, err) < 0)
                        return -1;
        }
}

static int read_all(struct scan *scan, struct snapshot **ret, struct error *err) {
        _cleanup_snapshot_ struct snapshot *s = snapshot_new(false);
        if (read_file(s, scan, err) < 0)
                return -1;
        if (snapshot_finish(s, err) < 0)
                return error_wrap(err, "%s", scan->what);
        *ret = TAKE(s);
        return 0;
}

int snapshot_parse(const char *file_name, const char *text, size_t len, struct snapshot **ret, struct error *err) {
        _cleanup_(scan_done) struct scan scan;
        scan_init_text(&scan, file_name, text, len);
        return read_all(&scan, ret, err);
}

int snapshot_load(const char *path, struct snapshot **ret, struct error *err) {
        _cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return error_set_errno(err, "cannot read the snapshot %s", path);
        _cleanup_(scan_done) struct scan scan;
        scan_init_file(&scan, path, fd);
        return read_all(&scan, ret, err);
}

int snapshot_write(const struct snapshot *s, FILE *to, struct error *err) {
        if (!s->recording)
                return error_set(err, ERR_BUG, "this snapshot does not record");
        _cleanup_str_ char *now = time_format_rfc3339(s->now_ms);
        fprintf(to, "{\"time\":\"%s\"", now);
        if (s->cluster) {
                _cleanup_json_ json_t *name = json_string(s->cluster);
                _cleanup_str_ char *text = json_write(name);
                fprintf(to, ",\n\"cluster\":%s", text);
        }
        for (size_t i = 0; i < _SNAPSHOT_PARTS; i++) {
                if (!s->known[i])
                        continue;
                if (strbuf_failed(&s->record[i]))
                        return error_set(err, ERR_IO, "the record of '%s' is too large", parts[i].key);
                fprintf(to, parts[i].single ? ",\n\"%s\":" : ",\n\"%s\":[\n", parts[i].key);
                fwrite(strbuf_str(&s->record[i]), 1, s->record[i].len, to);
                fputs(parts[i].single ? "" : "]", to);
        }
        fputs("}\n", to);
        return ferror(to) || fflush(to) != 0 ? error_set_errno(err, "writing the snapshot") : 0;
}
