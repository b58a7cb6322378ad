/* What the resources hold. Types, field numbers and YAML names: talos pkg/machinery/resources and api/resource/definitions at
 * v1.13.9. */
#include <ctype.h>
#include <stdio.h>

#include "sim/kube/kube.h"
#include "sim/talos/cosi.h"

#define ROUTES_METRIC 1024

void resources_done(struct resources *r) {
        for (size_t i = 0; i < r->n; i++) {
                free(r->items[i].id);
                strbuf_done(&r->items[i].proto);
                strbuf_done(&r->items[i].yaml);
        }
        free(r->items);
        *r = (struct resources) { 0 };
}

/* A new resource at the end of the list; borrowed until the next. */
static struct resource *add(struct resources *l, const struct resource_kind *k, const char *id) {
        struct resource r = { .namespace_ = k->namespace_, .type = k->type, .id = xstrdup(id) };
        ARRAY_APPEND(l->items, l->n, r);
        return &l->items[l->n - 1];
}

/* --- values --- */

static void pb_address(struct strbuf *b, unsigned field, const struct ip6_addr *a) {
        _cleanup_strbuf_ struct strbuf m = STRBUF_INIT;
        pb_bytes(&m, 1, a->b, 16);
        pb_message(b, field, &m);
}

static void pb_prefix(struct strbuf *b, unsigned field, const void *bytes, size_t n, unsigned len) {
        _cleanup_strbuf_ struct strbuf m = STRBUF_INIT;
        if (n)
                pb_bytes(&m, 1, bytes, n);
        pb_uint(&m, 2, len);
        pb_message(b, field, &m);
}

static const char *boolean(bool v) { return v ? "true" : "false"; }

/* Talos >= 1.12.4 drops every address inside the node's own pod CIDRs from its lists (docs/design.md, the own-address trap). */
static bool own_address_hidden(struct sim_talos *t) {
        unsigned minor = 0, patch = 0;
        struct ip6_prefix cidr;
        sscanf(t->machine->talos_version, "v1.%u.%u", &minor, &patch);
        return (minor > 12 || (minor == 12 && patch >= 4)) && sim_kube_node_pod_cidr(t->machine, &cidr) &&
               ip6_prefix_has(&cidr, &t->machine->addr);
}

/* --- runtime --- */

static void list_machine_status(struct sim_talos *t, const struct resource_kind *k, struct resources *ret) {
        static const char *const stages[] = { "unknown",   "booting",       "installing", "maintenance", "running",
                                              "rebooting", "shutting down", "resetting",  "upgrading" };
        struct resource *r = add(ret, k, "machine");
        _cleanup_strbuf_ struct strbuf status = STRBUF_INIT;
        struct unmet unmet[8];
        talos_refresh(t);
        size_t n = talos_unmet(t, unmet, ARRAY_SIZE(unmet));
        bool ready = n == 0 && (t->stage == SIM_STAGE_RUNNING || t->stage == SIM_STAGE_MAINTENANCE);

        pb_bool(&status, 1, ready);
        strbuf_addf(&r->yaml, "stage: %s\nstatus:\n    ready: %s\n    unmetConditions:%s\n", stages[t->stage], boolean(ready),
                    n ? "" : " []");
        for (size_t i = 0; i < n; i++) {
                _cleanup_strbuf_ struct strbuf u = STRBUF_INIT;
                pb_text(&u, 1, unmet[i].name);
                pb_text(&u, 2, unmet[i].reason);
                pb_message(&status, 2, &u);
                strbuf_addf(&r->yaml, "        - name: %s\n          reason: '%s'\n", unmet[i].name, unmet[i].reason);
        }
        pb_uint(&r->proto, 1, t->stage);
        pb_message(&r->proto, 2, &status);
}

static void list_services(struct sim_talos *t, const struct resource_kind *k, struct resources *ret) {
        talos_services_update(t);
        for (size_t i = 0; i < t->n_services; i++) {
                const struct talos_service *s = &t->services[i];
                bool running = str_eq(s->state, "Running");
                struct resource *r = add(ret, k, s->id);
                pb_bool(&r->proto, 1, running);
                pb_bool(&r->proto, 2, s->healthy);
                pb_bool(&r->proto, 3, s->unknown);
                strbuf_addf(&r->yaml, "running: %s\nhealthy: %s\nunknown: %s\n", boolean(running), boolean(s->healthy),
                            boolean(s->unknown));
        }
}

static void list_platform(struct sim_talos *t, const struct resource_kind *k, struct resources *ret) {
        const struct sim_machine *m = t->machine;
        if (talos_metadata_stolen(t))
                return;          /* it could not be fetched */
        struct resource *r = add(ret, k, "platformmetadata");
        _cleanup_str_ char *id = xasprintf("%lld", (long long) m->server_id),
                           *provider = xasprintf("hcloud://%lld", (long long) m->server_id);
        const char *const values[] = { "hcloud", m->name, m->location, m->location, m->server_type, id, provider };
        static const char *const names[] = {
                "platform", "hostname", "region", "zone", "instanceType", "instanceId", "providerId"
        };
        for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
                pb_text(&r->proto, (unsigned) i + 1, values[i]);
                if (values[i])
                        strbuf_addf(&r->yaml, "%s: \"%s\"\n", names[i], values[i]);
        }
}

static void list_nothing(struct sim_talos *t, const struct resource_kind *k, struct resources *ret) {
}

/* --- config --- */

static void list_machine_config(struct sim_talos *t, const struct resource_kind *k, struct resources *ret) {
        static const char *const ids[] = { "v1alpha1", "persistent" };
        for (size_t i = 0; t->config && i < ARRAY_SIZE(ids); i++) {
                const char *text = i == 1 && t->machine->disk.len ? t->machine->disk.data : t->config->text;
                struct resource *r = add(ret, k, ids[i]);
                _cleanup_(yaml_freep) struct yaml_node *node = yaml_new_str(text);
                _cleanup_str_ char *yaml = yaml_write(node, 4);
                pb_bytes(&r->proto, 1, text, strlen(text));
                strbuf_adds(&r->yaml, yaml);
        }
}

/* --- cluster --- */

static void add_member(struct sim_talos *member, const struct resource_kind *k, struct resources *ret) {
        const char *name = sim_talos_hostname(member->machine);
        struct resource *r = add(ret, k, name);
        char address[IP6_STR_MAX];
        bool hidden = own_address_hidden(member), control_plane = member->config->control_plane;
        _cleanup_str_ char *os = xasprintf("Talos (%s)", member->machine->talos_version);

        pb_text(&r->proto, 1, name);
        strbuf_addf(&r->yaml, "nodeId: %s\naddresses:%s\n", name, hidden ? " []" : "");
        if (!hidden) {
                pb_address(&r->proto, 2, &member->machine->addr);
                strbuf_addf(&r->yaml, "    - %s\n", ip6_format(&member->machine->addr, address));
        }
        pb_text(&r->proto, 3, name);
        pb_uint(&r->proto, 4, control_plane ? 2 : 3);
        pb_text(&r->proto, 5, os);
        strbuf_addf(&r->yaml, "hostname: %s\nmachineType: %s\noperatingSystem: %s\n", name,
                    control_plane ? "controlplane" : "worker", os);
        if (control_plane) {
                _cleanup_strbuf_ struct strbuf port = STRBUF_INIT;
                pb_uint(&port, 1, member->config->api_port);
                pb_message(&r->proto, 6, &port);
                strbuf_addf(&r->yaml, "controlPlane:\n    port: %u\n", member->config->api_port);
        }
}

/* Members are what discovery tells; without it there are none, not even the node itself. */
static void list_members(struct sim_talos *t, const struct resource_kind *k, struct resources *ret) {
        struct sim_machine *m;
        if (!t->config || t->maintenance || !t->config->discovery)
                return;
        for (size_t i = 0; (m = sim_machine_nth(t->world, i)); i++)
                if (m->talos && talos_same_cluster(t, m->talos) && m->talos->config->discovery)
                        add_member(m->talos, k, ret);
}

/* --- network --- */

static void add_node_address(struct sim_talos *t, const struct resource_kind *k, struct resources *ret, const char *id,
                             bool empty) {
        struct resource *r = add(ret, k, id);
        char address[IP6_STR_MAX];
        strbuf_addf(&r->yaml, "addresses:%s\n", empty ? " []" : "");
        if (!empty) {
                pb_prefix(&r->proto, 1, t->machine->addr.b, 16, 64);
                strbuf_addf(&r->yaml, "    - %s/64\n", ip6_format(&t->machine->addr, address));
        }
        strbuf_adds(&r->yaml, "sortAlgorithm: v1\n");
}

static void list_node_addresses(struct sim_talos *t, const struct resource_kind *k, struct resources *ret) {
        static const char *const ids[] = { "accumulative", "current", "default", "routed" };
        for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
                add_node_address(t, k, ret, ids[i], false);
        if (!t->config)
                return;
        bool hidden = own_address_hidden(t);
        add_node_address(t, k, ret, "current-no-k8s", hidden);
        add_node_address(t, k, ret, "routed-no-k8s", hidden);
}

static void list_hostname(struct sim_talos *t, const struct resource_kind *k, struct resources *ret) {
        const char *name = sim_talos_hostname(t->machine);
        size_t n = strcspn(name, ".");
        struct resource *r = add(ret, k, "hostname");
        _cleanup_str_ char *host = xstrndup(name, n);
        pb_text(&r->proto, 1, host);
        pb_text(&r->proto, 2, name[n] ? name + n + 1 : "");
        strbuf_addf(&r->yaml, "hostname: %s\ndomainname: \"%s\"\n", host, name[n] ? name + n + 1 : "");
}

struct route { bool v6; uint8_t dst[16]; unsigned len; const char *dst_text, *gateway, *link; unsigned metric; };

/* Ids as talos network.RouteID: [family/]gateway/destination/metric. Destination "" is the default route. */
static void add_route(const struct resource_kind *k, struct resources *ret, const struct route *v) {
        _cleanup_str_ char *id = xasprintf("%s%s/%s/%u", v->v6 ? "inet6/" : "inet4/", v->gateway, v->dst_text, v->metric);
        struct resource *r = add(ret, k, id);
        struct ip6_addr gateway;
        unsigned a, b, c, d;
        pb_uint(&r->proto, 1, v->v6 ? 10 : 2);
        if (*v->dst_text)
                pb_prefix(&r->proto, 2, v->dst, v->v6 ? 16 : 4, v->len);
        if (ip6_parse(v->gateway, &gateway)) {
                pb_address(&r->proto, 4, &gateway);
        } else if (sscanf(v->gateway, "%u.%u.%u.%u", &a, &b, &c, &d) == 4) {
                const uint8_t bytes[4] = { (uint8_t) a, (uint8_t) b, (uint8_t) c, (uint8_t) d };
                _cleanup_strbuf_ struct strbuf m = STRBUF_INIT;
                pb_bytes(&m, 1, bytes, sizeof(bytes));
                pb_message(&r->proto, 4, &m);
        }
        pb_uint(&r->proto, 5, str_eq(v->link, "eth0") ? 7 : 8);
        pb_text(&r->proto, 6, v->link);
        pb_uint(&r->proto, 7, 254);
        pb_uint(&r->proto, 8, v->metric);
        pb_uint(&r->proto, 10, 1);
        pb_uint(&r->proto, 12, 4);
        strbuf_addf(&r->yaml,
                    "family: %s\ndst: \"%s\"\nsrc: \"\"\ngateway: \"%s\"\noutLinkIndex: %d\noutLinkName: %s\ntable: "
                    "main\npriority: %u\n",
                    v->v6 ? "inet6" : "inet4", v->dst_text, v->gateway, str_eq(v->link, "eth0") ? 7 : 8, v->link, v->metric);
        strbuf_adds(&r->yaml, "scope: global\ntype: unicast\nflags: \"\"\nprotocol: static\n");
}

/* Hetzner: fe80::1 is the gateway of the /64; IPv4 has the link-local way to the metadata service over the public interface, and
 * with a private network one over its interface, whose DHCP lease may carry a route for the metadata service too
 * (hcloud-k8s/terraform-hcloud-kubernetes issue 490). */
static void list_routes(struct sim_talos *t, const struct resource_kind *k, struct resources *ret) {
        char text[IP6_STR_MAX];
        struct route net = { .v6 = true, .len = 64, .gateway = "", .link = "eth0", .metric = 256 };
        memcpy(net.dst, t->machine->prefix.addr.b, 16);
        net.dst_text = ip6_prefix_format(&t->machine->prefix, text);
        add_route(k, ret,
                  &(struct route){ .v6 = true, .dst_text = "", .gateway = "fe80::1", .link = "eth0", .metric = ROUTES_METRIC });
        add_route(k, ret, &net);
        struct route metadata = { .dst = { 169, 254, 169, 254 },
                                  .len = 32,
                                  .dst_text = "169.254.169.254/32",
                                  .gateway = "172.31.1.1",
                                  .link = "eth0",
                                  .metric = ROUTES_METRIC };
        if (talos_metadata_stolen(t)) {
                metadata.gateway = "10.0.0.1";
                metadata.link = "eth1";
        }
        add_route(k, ret, &metadata);
        if (t->machine->private_network)
                add_route(k, ret,
                          &(struct route){ .dst = { 10 },
                                           .len = 8,
                                           .dst_text = "10.0.0.0/8",
                                           .gateway = "10.0.0.1",
                                           .link = "eth1",
                                           .metric = ROUTES_METRIC });
}

/* --- Kubernetes --- */

static void list_node_status(struct sim_talos *t, const struct resource_kind *k, struct resources *ret) {
        struct ip6_prefix cidr;
        char text[IP6_STR_MAX];
        if (!t->config || t->maintenance || !t->cri_up)
                return;
        const char *name = sim_talos_hostname(t->machine);
        bool ready = sim_kube_node_ready(t->machine), has = sim_kube_node_pod_cidr(t->machine, &cidr);
        struct resource *r = add(ret, k, name);
        pb_text(&r->proto, 1, name);
        pb_bool(&r->proto, 2, ready);
        if (has)
                pb_prefix(&r->proto, 6, cidr.addr.b, 16, cidr.len);
        strbuf_addf(&r->yaml, "nodename: %s\nnodeReady: %s\nunschedulable: false\nlabels: {}\nannotations: {}\n", name,
                    boolean(ready));
        if (has)
                strbuf_addf(&r->yaml, "podCIDRs:\n    - %s\n", ip6_prefix_format(&cidr, text));
        else
                strbuf_adds(&r->yaml, "podCIDRs: []\n");
}

static void list_nodename(struct sim_talos *t, const struct resource_kind *k, struct resources *ret) {
        if (!t->config || t->maintenance)
                return;
        struct resource *r = add(ret, k, "nodename");
        pb_text(&r->proto, 1, sim_talos_hostname(t->machine));
        pb_text(&r->proto, 2, "1");
        strbuf_addf(&r->yaml, "nodename: %s\nhostnameVersion: \"1\"\nskipNodeRegistration: false\n",
                    sim_talos_hostname(t->machine));
}

static void list_static_pods(struct sim_talos *t, const struct resource_kind *k, struct resources *ret) {
        static const char *const names[] = { "kube-apiserver", "kube-controller-manager", "kube-scheduler" };
        if (!t->config || !t->config->control_plane || !sim_kube_etcd_running(t->machine))
                return;
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                _cleanup_str_ char *id = xasprintf("kube-system/%s-%s", names[i], sim_talos_hostname(t->machine));
                struct resource *r = add(ret, k, id);
                strbuf_adds(
                        &r->yaml,
                        "podStatus:\n    conditions:\n        - status: \"True\"\n          type: Ready\n    phase: Running\n");
        }
}

static void list_manifests_config(struct sim_talos *t, const struct resource_kind *k, struct resources *ret) {
        const struct sim_config *c = t->config;
        if (!c || !c->control_plane || t->maintenance)
                return;
        struct resource *r = add(ret, k, "manifests");
        bool flannel = str_eq(c->cni, "flannel");
        pb_text(&r->proto, 1, c->endpoint);
        pb_text(&r->proto, 2, c->dns_domain);
        for (size_t i = 0; i < c->pod_subnets.n; i++)
                pb_text(&r->proto, 3, c->pod_subnets.items[i]);
        pb_bool(&r->proto, 4, !c->proxy_disabled);
        pb_bool(&r->proto, 7, !c->coredns_disabled);
        pb_bool(&r->proto, 11, flannel);
        pb_text(&r->proto, 21, c->cni);
        strbuf_addf(&r->yaml,
                    "server: %s\nclusterDomain: %s\nproxyEnabled: %s\ncoreDNSEnabled: %s\nflannelEnabled: %s\ncniName: %s\n",
                    c->endpoint, c->dns_domain, boolean(!c->proxy_disabled), boolean(!c->coredns_disabled), boolean(flannel),
                    c->cni);
}

static void list_etcd_member(struct sim_talos *t, const struct resource_kind *k, struct resources *ret) {
        struct sim_etcd_member members[64];
        if (!t->config || !sim_kube_etcd_running(t->machine))
                return;
        size_t n = sim_kube_etcd_members(t->machine, members, ARRAY_SIZE(members));
        for (size_t i = 0; i < n; i++) {
                if (!ip6_equal(&members[i].addr, &t->machine->addr))
                        continue;
                _cleanup_str_ char *id = xasprintf("%016llx", (unsigned long long) members[i].id);
                struct resource *r = add(ret, k, "local");
                pb_text(&r->proto, 1, id);
                strbuf_addf(&r->yaml, "memberID: \"%s\"\n", id);
                return;
        }
}

/* --- the definitions themselves --- */

static void lower(const char *s, size_t n, struct strv *list) {
        char *text = xstrndup(s, n);
        for (char *p = text; *p; p++)
                *p = (char) tolower((unsigned char) *p);
        if (strv_has(list, text))
                free(text);
        else
                strv_take(list, text);
}

/* cosi-project/runtime, pkg/resource/meta/spec: which short names follow from a type. */
static void aliases_of(const struct resource_kind *k, struct strv *aliases, struct strv *all) {
        char capitals[32] = "";
        size_t name = strcspn(k->type, ".");
        if (k->aliases)
                strv_split(aliases, k->aliases, ' ');
        lower(k->display, strlen(k->display), aliases);
        lower(k->type, name, all);
        for (const char *p = k->type + name; *p; p += 1 + strcspn(p + 1, "."))
                if (p != k->type + name)
                        lower(k->type, (size_t) (p - k->type), all);
        for (size_t i = 0, n = 0; i < name && n < sizeof(capitals) - 2; i++)
                if (isupper((unsigned char) k->type[i])) {
                        capitals[n++] = k->type[i];
                        capitals[n] = '\0';
                }
        size_t n = strlen(capitals);
        if (n > 1) {
                lower(capitals, n, aliases);
                if (capitals[n - 1] != 'S') {
                        capitals[n] = 's';
                        lower(capitals, n + 1, aliases);
                }
        }
        for (size_t i = 0; i < aliases->n; i++)
                if (!strv_has(all, aliases->items[i]))
                        strv_add(all, aliases->items[i]);
}

static void write_names(struct resource *r, unsigned field, const char *key, const struct strv *names) {
        strbuf_addf(&r->yaml, "%s:\n", key);
        for (size_t i = 0; i < names->n; i++) {
                pb_text(&r->proto, field, names->items[i]);
                strbuf_addf(&r->yaml, "    - %s\n", names->items[i]);
        }
}

static void write_columns(struct resource *r, const char *columns) {
        _cleanup_strv_ struct strv list = { 0 };
        strbuf_addf(&r->yaml, "printColumns:%s\n", columns ? "" : " []");
        if (columns)
                strv_split(&list, columns, ';');
        for (size_t i = 0; i < list.n; i++) {
                _cleanup_strbuf_ struct strbuf column = STRBUF_INIT;
                char *path = strchr(list.items[i], ' ');
                *path++ = '\0';
                pb_text(&column, 1, list.items[i]);
                pb_text(&column, 2, path);
                pb_message(&r->proto, 6, &column);
                strbuf_addf(&r->yaml, "    - name: %s\n      jsonPath: '%s'\n", list.items[i], path);
        }
}

static void list_definitions(struct sim_talos *t, const struct resource_kind *self, struct resources *ret) {
        for (const struct resource_kind *k = resource_kinds; k->type; k++) {
                _cleanup_strv_ struct strv aliases = { 0 }, all = { 0 }, id = { 0 };
                aliases_of(k, &aliases, &all);
                lower(k->type, strlen(k->type), &id);
                struct resource *r = add(ret, self, id.items[0]);
                pb_text(&r->proto, 1, k->type);
                pb_text(&r->proto, 2, k->display);
                pb_text(&r->proto, 3, k->namespace_);
                strbuf_addf(&r->yaml, "type: %s\ndisplayType: %s\ndefaultNamespace: %s\n", k->type, k->display, k->namespace_);
                write_names(r, 4, "aliases", &aliases);
                write_names(r, 5, "allAliases", &all);
                write_columns(r, k->columns);
                if (k->sensitive) {
                        pb_uint(&r->proto, 7, 1);
                        strbuf_adds(&r->yaml, "sensitivity: sensitive\n");
                }
        }
}

const struct resource_kind resource_kinds[] = {
        { "ResourceDefinitions.meta.cosi.dev", "ResourceDefinition", "meta", "api-resources rd rds", "Aliases {.aliases[:]}",
          false, list_definitions },
        { "MachineStatuses.runtime.talos.dev", "MachineStatus", "runtime", NULL, "Stage {.stage};Ready {.status.ready}", false,
          list_machine_status },
        { "MachineConfigs.config.talos.dev", "MachineConfig", "config", NULL, NULL, true, list_machine_config },
        { "Members.cluster.talos.dev", "Member", "cluster", NULL,
          "Hostname {.hostname};Machine Type {.machineType};OS {.operatingSystem};Addresses {.addresses}", false, list_members },
        { "Services.v1alpha1.talos.dev", "Service", "runtime", "svc",
          "Running {.running};Healthy {.healthy};Health Unknown {.unknown}", false, list_services },
        { "NodeAddresses.net.talos.dev", "NodeAddress", "network", NULL, "Addresses {.addresses}", false, list_node_addresses },
        { "HostnameStatuses.net.talos.dev", "HostnameStatus", "network", "hostname",
          "Hostname {.hostname};Domainname {.domainname}", false, list_hostname },
        { "RouteStatuses.net.talos.dev", "RouteStatus", "network", "route routes",
          "Destination {.dst};Gateway {.gateway};Link {.outLinkName};Metric {.priority}", false, list_routes },
        { "EtcdMembers.etcd.talos.dev", "EtcdMember", "etcd", NULL, "Member ID {.memberID}", false, list_etcd_member },
        { "NodeStatuses.kubernetes.talos.dev", "NodeStatus", "k8s", NULL, "Ready {.nodeReady};Unschedulable {.unschedulable}",
          false, list_node_status },
        { "Nodenames.kubernetes.talos.dev", "Nodename", "k8s", NULL, "Nodename {.nodename}", false, list_nodename },
        { "StaticPodStatuses.kubernetes.talos.dev", "StaticPodStatus", "k8s", "podstatus", NULL, false, list_static_pods },
        { "BootstrapManifestsConfigs.kubernetes.talos.dev", "BootstrapManifestsConfig", "controlplane", NULL, NULL, false,
          list_manifests_config },
        { "PlatformMetadatas.talos.dev", "PlatformMetadata", "runtime", NULL,
          "Platform {.platform};Type {.instanceType};Zone {.zone}", false, list_platform },
        { "Diagnostics.runtime.talos.dev", "Diagnostic", "runtime", NULL, NULL, false, list_nothing },
        { "ExtensionStatuses.runtime.talos.dev", "ExtensionStatus", "runtime", NULL, NULL, false, list_nothing },
        { NULL, NULL, NULL, NULL, NULL, false, NULL },
};

const struct resource_kind *resource_kind_find(const char *type) {
        for (const struct resource_kind *k = resource_kinds; type && k->type; k++)
                if (str_eq(k->type, type))
                        return k;
        return NULL;
}

void resources_list(struct sim_talos *t, const struct resource_kind *k, struct resources *ret) {
        k->list(t, k, ret);
}

static void write_annotation(struct strbuf *metadata, const char *key, const char *value) {
        _cleanup_strbuf_ struct strbuf entry = STRBUF_INIT;
        pb_text(&entry, 1, key);
        pb_text(&entry, 2, value);
        pb_message(metadata, 11, &entry);
}

/* The annotation says that yaml_spec is the config as a YAML text: without it `talosctl patch` and `edit` take it for the config itself
 * (talos: pkg/machinery/resources/config/machine_config.go). */
void resource_write(struct sim_talos *t, const struct resource *r, struct strbuf *b) {
        _cleanup_strbuf_ struct strbuf metadata = STRBUF_INIT, spec = STRBUF_INIT;
        char version[32];
        snprintf(version, sizeof(version), "%llu", (unsigned long long) t->version + 1);
        pb_text(&metadata, 1, r->namespace_);
        pb_text(&metadata, 2, r->type);
        pb_text(&metadata, 3, r->id);
        pb_text(&metadata, 4, version);
        pb_text(&metadata, 6, "running");
        pb_timestamp(&metadata, 7, t->boot_ms);
        pb_timestamp(&metadata, 8, t->boot_ms);
        if (str_eq(r->type, "MachineConfigs.config.talos.dev"))
                write_annotation(&metadata, "talos.dev/yaml-spec", "1");
        if (r->proto.len)
                pb_bytes(&spec, 1, r->proto.data, r->proto.len);
        pb_bytes(&spec, 2, strbuf_str(&r->yaml), r->yaml.len);   /* talosctl prints this one and fails without it */
        pb_message(b, 1, &metadata);
        pb_message(b, 2, &spec);
}
