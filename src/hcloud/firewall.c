#include <hcloud/firewall.h>

#include "hcloud/resource.h"

SHAPE(static, rule_shape, hcloud_firewall_rule, "firewall rule",
      FIELD(hcloud_firewall_rule, direction, "direction", F_STR),
      FIELD(hcloud_firewall_rule, protocol, "protocol", F_STR),
      FIELD(hcloud_firewall_rule, port, "port", F_STR),
      FIELD(hcloud_firewall_rule, source_ips, "source_ips", F_STRINGS),
      FIELD(hcloud_firewall_rule, destination_ips, "destination_ips", F_STRINGS),
      FIELD(hcloud_firewall_rule, description, "description", F_STR));

SHAPE(static, applied_shape, hcloud_firewall_resource, "firewall's resource",
      FIELD(hcloud_firewall_resource, type, "type", F_STR),
      FIELD(hcloud_firewall_resource, server, "server.id", F_INT),
      FIELD(hcloud_firewall_resource, selector, "label_selector.selector", F_STR),
      FIELD_IDS_OF(hcloud_firewall_resource, selected, "applied_to_resources", "server.id"));

SHAPE(static, firewall_shape, hcloud_firewall, "firewall",
      FIELD(hcloud_firewall, id, "id", F_ID),
      FIELD(hcloud_firewall, name, "name", F_STR),
      FIELD_OF(hcloud_firewall, rules, "rules", F_LIST, rule_shape),
      FIELD_OF(hcloud_firewall, applied_to, "applied_to", F_LIST, applied_shape),
      FIELD(hcloud_firewall, labels, "labels", F_LABELS),
      FIELD(hcloud_firewall, created, "created", F_TIME));

static const struct resource firewall_resource = {
        .key = "firewall", .plural = "firewalls", .title = "firewall", .shape = &firewall_shape, .rule = HCLOUD_NAME_LONG,
        .filters = FILTER_NAME | FILTER_LABELS | FILTER_SORT,
};

RESOURCE_FREE(firewall, firewall_shape)
RESOURCE_GET(firewall, firewall_resource)
RESOURCE_GET_BY_NAME(firewall, firewall_resource)
RESOURCE_LIST(firewall, firewall_resource)
RESOURCE_UPDATE(firewall, firewall_resource)

bool hcloud_firewall_is_applied_to(const struct hcloud_firewall *firewall, int64_t server) {
        for (size_t i = 0; i < firewall->applied_to.n; i++)
                if (firewall->applied_to.items[i].server == server ||
                    hcloud_ids_has(&firewall->applied_to.items[i].selected, server))
                        return true;
        return false;
}

static json_t *rules_body(const struct hcloud_firewall_rules *rules) {
        json_t *list = json_array();
        for (size_t i = 0; i < rules->n; i++) {
                const struct hcloud_firewall_rule *rule = &rules->items[i];
                json_t *j = json_object();
                jset_str(j, "direction", rule->direction);
                jset_str(j, "protocol", rule->protocol);
                jset_str(j, "port", rule->port);
                jset_str(j, "description", rule->description);
                jset(j, "source_ips", json_texts((const char *const *) rule->source_ips.items, rule->source_ips.n));
                jset(j, "destination_ips", json_texts((const char *const *) rule->destination_ips.items, rule->destination_ips.n));
                json_array_append_new(list, j);
        }
        return list;
}

static json_t *servers_body(const int64_t *servers, size_t n) {
        json_t *list = json_array();
        for (size_t i = 0; i < n; i++)
                json_array_append_new(list, json_pack("{s:s, s:{s:I}}", "type", "server", "server", "id", (json_int_t) servers[i]));
        return list;
}

int hcloud_firewall_create(struct hcloud_client *client, const struct hcloud_firewall_create *create, struct hcloud_firewall **ret,
                           struct hcloud_ids *ret_actions, bool *ret_adopted, struct error *err) {
        _cleanup_json_ json_t *body = json_object(), *answer = NULL;
        _cleanup_(hcloud_ids_done) struct hcloud_ids actions = { 0 };
        bool adopted = false;
        int r = create->rules ? hcloud_firewall_rules_check(create->rules, err) : 0;
        if (r < 0)
                return error_wrap(err, "creating firewall '%s'", create->name ? create->name : "");
        if (create->rules)
                jset(body, "rules", rules_body(create->rules));
        if (create->n_servers)
                jset(body, "apply_to", servers_body(create->servers, create->n_servers));
        const struct create call = { .name = create->name, .body = body, .labels = create->labels, .adopt = create->adopt };
        r = resource_create(client, &firewall_resource, &call, &answer, &adopted, err);
        if (r < 0)
                return r;
        r = answer_actions(client, answer, "actions", &actions, err);
        if (r >= 0)
                r = shape_read_new(&firewall_shape, jget(answer, "firewall"), (void **) ret, err);
        if (r < 0)
                return error_wrap(err, "creating firewall '%s'", create->name);
        if (ret_actions)
                *ret_actions = TAKE_STRUCT(actions);
        if (ret_adopted)
                *ret_adopted = adopted;
        return 0;
}

int hcloud_firewall_delete(struct hcloud_client *client, int64_t id, bool wait_unused, struct error *err) {
        static const char *const in_use[] = { "resource_in_use", NULL };
        return resource_delete(client, &firewall_resource, id, NULL, wait_unused ? in_use : NULL, NULL, err);
}

/* Actions whose answer is a list of actions, one per server. */
static int many_actions(struct hcloud_client *client, int64_t id, const struct action_call *call, struct hcloud_ids *ret_actions,
                        struct error *err) {
        _cleanup_json_ json_t *answer = NULL;
        _cleanup_(hcloud_ids_done) struct hcloud_ids actions = { 0 };
        int r = resource_action_answer(client, &firewall_resource, id, call, &answer, err);
        if (r >= 0)
                r = answer_actions(client, answer, "actions", &actions, err);
        if (r < 0)
                return r;
        if (ret_actions)
                *ret_actions = TAKE_STRUCT(actions);
        return 0;
}

int hcloud_firewall_set_rules(struct hcloud_client *client, int64_t id, const struct hcloud_firewall_rules *rules,
                              struct hcloud_ids *ret_actions, struct error *err) {
        int r = hcloud_firewall_rules_check(rules, err);
        if (r < 0)
                return error_wrap(err, "set_rules of firewall %lld", (long long) id);
        json_t *body = json_object();
        jset(body, "rules", rules_body(rules));
        return many_actions(client, id, &(struct action_call) { .name = "set_rules", .body = body }, ret_actions, err);
}

static int apply(struct hcloud_client *client, int64_t id, json_t *resources, struct hcloud_ids *ret_actions, struct error *err) {
        static const char *const done[] = { "firewall_already_applied", NULL };
        json_t *body = json_object();
        jset(body, "apply_to", resources);
        return many_actions(client, id, &(struct action_call) { .name = "apply_to_resources", .body = body, .done = done },
                            ret_actions, err);
}

static int take_off(struct hcloud_client *client, int64_t id, json_t *resources, struct hcloud_ids *ret_actions,
                    struct error *err) {
        static const char *const done[] = { "firewall_already_removed", "firewall_resource_not_found", NULL };
        json_t *body = json_object();
        jset(body, "remove_from", resources);
        return many_actions(client, id, &(struct action_call) { .name = "remove_from_resources", .body = body, .done = done },
                            ret_actions, err);
}

static json_t *selector_body(const char *selector) {
        return json_pack("[{s:s, s:{s:s}}]", "type", "label_selector", "label_selector", "selector", selector);
}

int hcloud_firewall_apply(struct hcloud_client *client, int64_t id, const int64_t *servers, size_t n,
                          struct hcloud_ids *ret_actions, struct error *err) {
        return apply(client, id, servers_body(servers, n), ret_actions, err);
}

int hcloud_firewall_remove(struct hcloud_client *client, int64_t id, const int64_t *servers, size_t n,
                           struct hcloud_ids *ret_actions, struct error *err) {
        return take_off(client, id, servers_body(servers, n), ret_actions, err);
}

int hcloud_firewall_apply_selector(struct hcloud_client *client, int64_t id, const char *selector, struct hcloud_ids *ret_actions,
                                   struct error *err) {
        return apply(client, id, selector_body(selector), ret_actions, err);
}

int hcloud_firewall_remove_selector(struct hcloud_client *client, int64_t id, const char *selector,
                                    struct hcloud_ids *ret_actions, struct error *err) {
        return take_off(client, id, selector_body(selector), ret_actions, err);
}
