#include "image/guard.h"

#define OURS "hcloud-v6 image build: "

void guard_rules(const struct strv *operators, bool any_ipv4, struct hcloud_firewall_rules *ret) {
        *ret = (struct hcloud_firewall_rules) { 0 };
        if (operators->n || any_ipv4) {
                struct hcloud_firewall_rule *ssh = hcloud_firewall_rules_add(ret, "in", "tcp", "22", OURS "ssh");
                for (size_t i = 0; i < operators->n && i + any_ipv4 < HCLOUD_FIREWALL_MAX_CIDRS; i++)
                        hcloud_strings_add(&ssh->source_ips, operators->items[i]);
                if (any_ipv4)
                        hcloud_strings_add(&ssh->source_ips, "0.0.0.0/0");
        }
        struct hcloud_firewall_rule *icmp = hcloud_firewall_rules_add(ret, "in", "icmp", NULL, OURS "icmp");
        hcloud_strings_add(&icmp->source_ips, "::/0");
        hcloud_strings_add(&icmp->source_ips, "0.0.0.0/0");
}

int guard_create(struct hcloud_client *client, const char *name, const struct hcloud_labels *labels, const struct strv *operators, bool any_ipv4, int64_t *ret_id,
                 struct error *err) {
        struct hcloud_firewall_rules rules;
        struct hcloud_firewall *f = NULL;

        guard_rules(operators, any_ipv4, &rules);
        struct hcloud_firewall_create o = { .name = name, .rules = &rules, .labels = labels, .adopt = labels };
        int rc = hcloud_firewall_create(client, &o, &f, NULL, NULL, err);
        hcloud_firewall_rules_done(&rules);
        if (rc < 0)
                return -1;
        *ret_id = f->id;
        hcloud_firewall_free(f);
        return 0;
}

int guard_admit(struct hcloud_client *client, int64_t id, const struct strv *operators, bool any_ipv4, struct error *err) {
        struct hcloud_firewall_rules rules;
        struct hcloud_ids actions = { 0 };

        guard_rules(operators, any_ipv4, &rules);
        int rc = hcloud_firewall_set_rules(client, id, &rules, &actions, err);
        hcloud_firewall_rules_done(&rules);
        if (rc >= 0)
                rc = hcloud_actions_wait(client, actions.items, actions.n, err);
        hcloud_ids_done(&actions);
        return rc < 0 ? -1 : 0;
}

int guard_remove(struct hcloud_client *client, const char *name, struct error *err) {
        _cleanup_(hcloud_firewall_list_freep) struct hcloud_firewall_list *list = NULL;
        struct hcloud_list_options o = { .name = name };

        if (hcloud_firewall_list(client, &o, &list, err) < 0)
                return -1;
        for (size_t i = 0; i < list->n; i++)
                if (hcloud_firewall_delete(client, list->items[i].id, true, err) < 0)
                        return -1;
        return 0;
}
