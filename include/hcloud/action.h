/* Actions: what Hetzner carries out after it has answered. Operations give the ids of their actions. */
#pragma once

#include <hcloud/page.h>

struct hcloud_client;

struct hcloud_action_resource { int64_t id; char *type; };
struct hcloud_action_resources { struct hcloud_action_resource *items; size_t n; };

struct hcloud_action {
        int64_t id;
        char *command;              /* "create_server" */
        char *status;               /* "running", "success", "error" */
        int64_t progress;           /* 0…100; jumps, and is no sign of completion */
        int64_t started, finished;  /* finished is 0 while it runs */
        struct hcloud_action_resources resources;
        char *error_code, *error_message;       /* NULL unless status is "error" */
};
struct hcloud_action_list { struct hcloud_action *items; size_t n; };

HCLOUD_API void hcloud_action_free(struct hcloud_action *action);
HCLOUD_API void hcloud_action_list_free(struct hcloud_action_list *list);
HCLOUD_DEFINE_CLEANUP(struct hcloud_action, hcloud_action_free)
HCLOUD_DEFINE_CLEANUP(struct hcloud_action_list, hcloud_action_list_free)

/* ERR_NOT_FOUND. (hcloud API: GET /actions/{id}) */
HCLOUD_API int hcloud_action_get(struct hcloud_client *client, int64_t id, struct hcloud_action **ret, struct error *err);
/* Actions of one resource, newest first: kind is the path's word ("servers", "firewalls", …); resource 0: of all of that kind.
 * status may be NULL. (hcloud API: GET /{kind}/{id}/actions, GET /{kind}/actions) */
HCLOUD_API int hcloud_action_list_of(struct hcloud_client *client, const char *kind, int64_t resource, const char *status,
                                     struct hcloud_action_list **ret, struct error *err);

/* Waits until all n actions have ended well. Any number of threads may wait at once: all their ids are asked for together, up to
 * 25 in a request, after 0.5 s, 1 s, then every 2 s. Ids of 0 are skipped; n may be 0. An action that an earlier answer already
 * showed as successful costs no request.
 *
 * A failed action gives the error's kind by its code where that is known (ERR_LOCKED, ERR_CAPACITY …), else ERR_REFUSED; the
 * message names the command, the resource, code and text. An id that the API does not know: ERR_NOT_FOUND. One that has not ended
 * after half an hour: ERR_TIMEOUT. All actions of the
 * call are waited for before the first failure is returned. (hcloud API: GET /actions?id=…) */
HCLOUD_API int hcloud_actions_wait(struct hcloud_client *client, const int64_t *ids, size_t n, struct error *err);

/* Waits until none of the servers is `locked` (and, with status not NULL, until each has that status: "running", "off"). Few
 * servers are asked for one by one; many by one list with label_selector, which must select all of them (NULL: the whole project
 * is listed). A server that is gone is ERR_NOT_FOUND. timeout_ms 0: 5 min; ERR_TIMEOUT names one that is still busy. */
HCLOUD_API int hcloud_servers_wait(struct hcloud_client *client, const int64_t *ids, size_t n, const char *label_selector,
                                   const char *status, int64_t timeout_ms, struct error *err);

/* Waits until the firewall reads `applied` on each server; one list a poll, as above. Until then everything may pass.
 * (hcloud API: server.public_net.firewalls[].status) */
HCLOUD_API int hcloud_firewall_wait_applied(struct hcloud_client *client, int64_t firewall, const int64_t *servers, size_t n,
                                            const char *label_selector, int64_t timeout_ms, struct error *err);
