/* Actions: reading them, and waiting for what they do. */
#include <hcloud/action.h>
#include <hcloud/image.h>

#include "hcloud/kinds.h"
#include "hcloud/resource.h"
#include "hcloud/watch.h"

#define DEFAULT_WAIT_MS 300000
#define IMAGE_WAIT_MS 1800000
#define ACTION_WAIT_MS 1800000   /* the longest take minutes: a snapshot of a large disk */
#define IMAGE_INTERVAL_MS 5000

SHAPE(static, action_resource_shape, hcloud_action_resource, "action's resource",
      FIELD(hcloud_action_resource, id, "id", F_INT),
      FIELD(hcloud_action_resource, type, "type", F_STR));

SHAPE(, action_shape, hcloud_action, "action",
      FIELD(hcloud_action, id, "id", F_ID),
      FIELD(hcloud_action, command, "command", F_STR),
      FIELD(hcloud_action, status, "status", F_STR),
      FIELD(hcloud_action, progress, "progress", F_INT),
      FIELD(hcloud_action, started, "started", F_TIME),
      FIELD(hcloud_action, finished, "finished", F_TIME),
      FIELD_OF(hcloud_action, resources, "resources", F_LIST, action_resource_shape),
      FIELD(hcloud_action, error_code, "error.code", F_STR),
      FIELD(hcloud_action, error_message, "error.message", F_STR));

static const struct resource action_resource = {
        .key = "action", .plural = "actions", .title = "action", .shape = &action_shape, .filters = FILTER_STATUS | FILTER_SORT,
};

RESOURCE_FREE(action, action_shape)
RESOURCE_GET(action, action_resource)

int hcloud_action_list_of(struct hcloud_client *client, const char *kind, int64_t resource, const char *status,
                          struct hcloud_action_list **ret, struct error *err) {
        const struct hcloud_list_options options = {
                .status = (const char *const[]) { status, NULL }, .sort = (const char *const[]) { "id:desc", NULL },
        };
        _cleanup_str_ char *path = resource ? xasprintf("/%s/%lld/actions", kind, (long long) resource)
                                            : xasprintf("/%s/actions", kind);
        return resource_list(client, &action_resource, path, &options, false, (void **) ret, err);
}

int hcloud_actions_wait(struct hcloud_client *client, const int64_t *ids, size_t n, struct error *err) {
        _cleanup_free_ struct watch_entry *entries = n ? xcalloc(n, sizeof(*entries)) : NULL;
        int64_t deadline = clock_mono_ms(client->clock) + ACTION_WAIT_MS;
        for (size_t i = 0; i < n; i++) {
                bool done = ids[i] == 0 || watch_knows_success(client->watch, ids[i]);
                entries[i] = (struct watch_entry) { .id = ids[i], .deadline_ms = deadline, .state = done ? WATCH_DONE : WATCH_WAITING, .error = ERROR_INIT };
        }
        return watch_run(client, entries, n, err);
}

static int wait_servers(struct hcloud_client *client, const int64_t *ids, size_t n, const struct watch_entry *wanted,
                        int64_t timeout_ms, struct error *err) {
        _cleanup_free_ struct watch_entry *entries = n ? xcalloc(n, sizeof(*entries)) : NULL;
        int64_t deadline = clock_mono_ms(client->clock) + (timeout_ms > 0 ? timeout_ms : DEFAULT_WAIT_MS);
        for (size_t i = 0; i < n; i++) {
                entries[i] = *wanted;
                entries[i].id = ids[i];
                entries[i].server = true;
                entries[i].deadline_ms = deadline;
                entries[i].state = ids[i] ? WATCH_WAITING : WATCH_DONE;
                entries[i].error = ERROR_INIT;
        }
        return watch_run(client, entries, n, err);
}

int hcloud_servers_wait(struct hcloud_client *client, const int64_t *ids, size_t n, const char *label_selector, const char *status,
                        int64_t timeout_ms, struct error *err) {
        const struct watch_entry wanted = { .selector = label_selector, .status = status };
        return wait_servers(client, ids, n, &wanted, timeout_ms, err);
}

int hcloud_firewall_wait_applied(struct hcloud_client *client, int64_t firewall, const int64_t *servers, size_t n,
                                 const char *label_selector, int64_t timeout_ms, struct error *err) {
        const struct watch_entry wanted = { .selector = label_selector, .firewall = firewall };
        int r = wait_servers(client, servers, n, &wanted, timeout_ms, err);
        return r < 0 ? error_wrap(err, "waiting for firewall %lld", (long long) firewall) : 0;
}

int hcloud_image_wait_available(struct hcloud_client *client, int64_t id, int64_t timeout_ms, struct hcloud_image **ret,
                                struct error *err) {
        int64_t deadline = clock_mono_ms(client->clock) + (timeout_ms > 0 ? timeout_ms : IMAGE_WAIT_MS);
        for (int64_t interval = 1000;; interval = MIN(2 * interval, (int64_t) IMAGE_INTERVAL_MS)) {
                _cleanup_(hcloud_image_freep) struct hcloud_image *image = NULL;
                int r = hcloud_image_get(client, id, &image, err);
                if (r < 0)
                        return r;
                if (str_eq(image->status, "available")) {
                        if (ret)
                                *ret = TAKE(image);
                        return 0;
                }
                if (str_eq(image->status, "unavailable"))
                        return error_set(err, ERR_REFUSED, "image %lld became unavailable", (long long) id);
                if (clock_mono_ms(client->clock) + interval > deadline)
                        return error_set(err, ERR_TIMEOUT, "image %lld is still '%s'", (long long) id,
                                         image->status ? image->status : "?");
                r = clock_sleep(client->clock, interval, client->cancel, err);
                if (r < 0)
                        return r;
        }
}
