/* The firewall in front of a build's servers: nobody but the operator reaches the SSH of a rescue system. One for all builders of a run; it carries their labels. */
#pragma once

#include <hcloud/hcloud.h>

#include "base/strbuf.h"

/* TCP port 22 from the operators' prefixes, with any_ipv4 also from every IPv4 address; ICMP, which path MTU discovery needs. The caller owns *ret. */
void guard_rules(const struct strv *operators, bool any_ipv4, struct hcloud_firewall_rules *ret);
/* Makes it, or takes the one that a lost answer left. Errors of hcloud_firewall_create(). */
int guard_create(struct hcloud_client *client, const char *name, const struct hcloud_labels *labels, const struct strv *operators, bool any_ipv4, int64_t *ret_id,
                 struct error *err);
/* Replaces its rules, and waits until they hold. */
int guard_admit(struct hcloud_client *client, int64_t id, const struct strv *operators, bool any_ipv4, struct error *err);
/* Removes it by its name, since the answer to its creation may have been lost; waits until its servers have let go of it. None there is success. */
int guard_remove(struct hcloud_client *client, const char *name, struct error *err);
