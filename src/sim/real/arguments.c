/* The arguments of etcd and the static pods: Talos' own, merged with the config's extraArgs by its rules (talos: pkg/argsbuilder). */
#include <stdio.h>

#include "base/file.h"
#include "sim/real/layout.h"

/* What extraArgs may do to an argument that Talos sets; all others are replaced. */
enum merge { MERGE_REPLACE, MERGE_ADD /* to the list */, MERGE_APPEND /* the argument once more */, MERGE_DENY };
struct policy { const char *name; enum merge merge; };

struct builder {
        const struct sim_config *config;
        const struct real_place *place;
        struct kvs args;
};

static void set(struct builder *b, const char *name, const char *value) {
        kvs_set(&b->args, name, value);
}

static void set_file(struct builder *b, const char *name, const char *file) {
        _cleanup_str_ char *path = path_join(b->place->folder, file);
        kvs_set(&b->args, name, path);
}

static void set_list(struct builder *b, const char *name, const struct strv *values) {
        _cleanup_str_ char *text = strv_join(values, ",");
        if (!str_empty(text))
                kvs_set(&b->args, name, text);
}

static char *loopback_of(const struct real_place *p) {
        return xasprintf("%u.%u.%u.%u", p->loopback[0], p->loopback[1], p->loopback[2], p->loopback[3]);
}

/* The place of a host that Talos or the user names, see layout.h. Owned. */
static char *placed_host(const struct real_place *p, const char *host) {
        char text[IP6_STR_MAX];

        if (str_eq(host, "127.0.0.1") || str_eq(host, "localhost"))
                return loopback_of(p);
        if (str_eq(host, "0.0.0.0") || str_eq(host, "::") || str_eq(host, "$(POD_IP)"))
                return xstrdup(ip6_format(&p->addr, text));
        return xstrdup(host);
}

/* The same for "http://0.0.0.0:2381". Owned. */
static char *placed_url(const struct real_place *p, const char *url) {
        const char *slashes = strstr(url, "://"), *colon = strrchr(url, ':');

        if (!slashes || colon == slashes)
                return xstrdup(url);
        const char *begin = slashes + 3;
        bool bracketed = *begin == '[';
        _cleanup_str_ char *host = xstrndup(begin + bracketed, (size_t) (colon - begin) - 2u * bracketed);
        _cleanup_str_ char *placed = placed_host(p, host);
        bool brackets = strchr(placed, ':');
        return xasprintf("%.*s%s%s%s%s", (int) (begin - url), url, brackets ? "[" : "", placed, brackets ? "]" : "", colon);
}

static enum merge policy_of(const struct policy *policies, const char *name) {
        for (const struct policy *p = policies; p->name; p++)
                if (str_eq(p->name, name))
                        return p->merge;
        return MERGE_REPLACE;
}

static int merge_extra(struct builder *b, const char *program, const struct kvs *extra, const struct policy *policies, struct error *err) {
        for (size_t i = 0; i < extra->n; i++) {
                const char *name = extra->items[i].key, *value = extra->items[i].value, *own = kvs_get(&b->args, name);
                enum merge merge = policy_of(policies, name);
                if (merge == MERGE_DENY)
                        return error_set(err, ERR_INVALID, "%s: extra arg \"%s\" is not allowed to be overridden", program, name);
                _cleanup_str_ char *both = merge != MERGE_REPLACE && own ? xasprintf("%s%c%s", own, merge == MERGE_ADD ? ',' : '\n', value) : NULL;
                set(b, name, both ? both : value);
        }
        return 0;
}

static void finish(struct builder *b, struct strv *ret) {
        for (size_t i = 0; i < b->args.n; i++) {
                const char *name = b->args.items[i].key;
                bool host = str_eq(name, "bind-address") || str_eq(name, "advertise-address"), url = str_eq(name, "listen-metrics-urls");
                _cleanup_strv_ struct strv values = { 0 };
                strv_split(&values, b->args.items[i].value, '\n');
                for (size_t k = 0; k < values.n; k++) {
                        _cleanup_str_ char *placed = host  ? placed_host(b->place, values.items[k])
                                                     : url ? placed_url(b->place, values.items[k])
                                                           : xstrdup(values.items[k]);
                        strv_take(ret, xasprintf("--%s=%s", name, placed));
                }
        }
}

/* --- etcd --- */

static void set_etcd_urls(struct builder *b, const struct real_etcd_start *start) {
        _cleanup_str_ char *peer = real_peer_url(&b->place->addr), *host = ip6_bracket(&b->place->addr, 2379), *loopback = loopback_of(b->place);
        _cleanup_str_ char *client = xasprintf("https://%s", host), *both = xasprintf("%s,https://%s:2379", client, loopback);

        set(b, "listen-peer-urls", peer);
        set(b, "listen-client-urls", both);
        set(b, "advertise-client-urls", client);
        set(b, "initial-advertise-peer-urls", peer);
        set(b, "initial-cluster-state", start->existing ? "existing" : "new");
        if (start->initial_cluster)
                set(b, "initial-cluster", start->initial_cluster);
}

static int etcd_arguments(struct builder *b, const struct real_etcd_start *start, struct error *err) {
        static const struct policy policies[] = {
                { "name", MERGE_DENY },             { "data-dir", MERGE_DENY },       { "listen-peer-urls", MERGE_DENY },
                { "listen-client-urls", MERGE_DENY }, { "client-cert-auth", MERGE_DENY }, { "cert-file", MERGE_DENY },
                { "key-file", MERGE_DENY },         { "trusted-ca-file", MERGE_DENY }, { "peer-client-cert-auth", MERGE_DENY },
                { "peer-cert-file", MERGE_DENY },   { "peer-key-file", MERGE_DENY },  { "peer-trusted-ca-file", MERGE_DENY },
                { "feature-gates", MERGE_ADD },     { NULL, 0 },
        };

        set(b, "name", b->place->hostname);
        set_file(b, "data-dir", "etcd-data");
        set_etcd_urls(b, start);
        set(b, "client-cert-auth", "true");
        set_file(b, "cert-file", "etcd/server.crt");
        set_file(b, "key-file", "etcd/server.key");
        set_file(b, "trusted-ca-file", "etcd/ca.crt");
        set(b, "peer-client-cert-auth", "true");
        set_file(b, "peer-cert-file", "etcd/peer.crt");
        set_file(b, "peer-key-file", "etcd/peer.key");
        set_file(b, "peer-trusted-ca-file", "etcd/ca.crt");
        set(b, "tls-min-version", "TLS1.3");
        set(b, "watch-progress-notify-interval", "5s");
        set(b, "feature-gates", "CompactHashCheck=true,InitialCorruptCheck=true");
        set(b, "unsafe-no-fsync", "true");
        return merge_extra(b, "etcd", &b->config->etcd_args, policies, err);
}

/* --- the static pods --- */

static const struct policy api_server_policies[] = {
        { "enable-admission-plugins", MERGE_ADD },
        { "feature-gates", MERGE_ADD },
        { "authorization-mode", MERGE_ADD },
        { "tls-cipher-suites", MERGE_ADD },
        { "service-account-issuer", MERGE_APPEND },
        { "etcd-servers", MERGE_DENY },
        { "client-ca-file", MERGE_DENY },
        { "requestheader-client-ca-file", MERGE_DENY },
        { "proxy-client-cert-file", MERGE_DENY },
        { "proxy-client-key-file", MERGE_DENY },
        { "encryption-provider-config", MERGE_DENY },
        { "etcd-cafile", MERGE_DENY },
        { "etcd-certfile", MERGE_DENY },
        { "etcd-keyfile", MERGE_DENY },
        { "kubelet-client-certificate", MERGE_DENY },
        { "kubelet-client-key", MERGE_DENY },
        { "service-account-key-file", MERGE_DENY },
        { "service-account-signing-key-file", MERGE_DENY },
        { "tls-cert-file", MERGE_DENY },
        { "tls-private-key-file", MERGE_DENY },
        { "authorization-config", MERGE_DENY },
        { NULL, 0 },
};

static void set_api_server_files(struct builder *b) {
        static const struct { const char *name, *file; } files[] = {
                { "admission-control-config-file", "apiserver/admission-control-config.yaml" },
                { "audit-log-path", "apiserver/audit.log" },
                { "audit-policy-file", "apiserver/auditpolicy.yaml" },
                { "client-ca-file", "apiserver/ca.crt" },
                { "encryption-provider-config", "apiserver/encryptionconfig.yaml" },
                { "etcd-cafile", "etcd/ca.crt" },
                { "etcd-certfile", "apiserver/etcd-client.crt" },
                { "etcd-keyfile", "apiserver/etcd-client.key" },
                { "kubelet-client-certificate", "apiserver/kubelet-client.crt" },
                { "kubelet-client-key", "apiserver/kubelet-client.key" },
                { "proxy-client-cert-file", "apiserver/front-proxy-client.crt" },
                { "proxy-client-key-file", "apiserver/front-proxy-client.key" },
                { "requestheader-client-ca-file", "apiserver/aggregator-ca.crt" },
                { "service-account-key-file", "apiserver/service-account.pub" },
                { "service-account-signing-key-file", "apiserver/service-account.key" },
                { "tls-cert-file", "apiserver/apiserver.crt" },
                { "tls-private-key-file", "apiserver/apiserver.key" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(files); i++)
                set_file(b, files[i].name, files[i].file);
}

/* A mode in extraArgs keeps the flags, and the file of authorizers is not used (talos: handleKubeAPIServerAuthorizationFlags). */
static void set_authorization(struct builder *b) {
        if (kvs_get(&b->config->api_server_args, "authorization-mode"))
                set(b, "authorization-mode", "Node,RBAC");
        else
                set_file(b, "authorization-config", "apiserver/authorization-config.yaml");
}

static int api_server_arguments(struct builder *b, struct error *err) {
        static const struct kv fixed[] = {
                { (char *) "allow-privileged", (char *) "true" },
                { (char *) "anonymous-auth", (char *) "false" },
                { (char *) "audit-log-maxage", (char *) "30" },
                { (char *) "audit-log-maxbackup", (char *) "10" },
                { (char *) "audit-log-maxsize", (char *) "100" },
                { (char *) "bind-address", (char *) "0.0.0.0" },
                { (char *) "advertise-address", (char *) "$(POD_IP)" },
                { (char *) "enable-admission-plugins", (char *) "NodeRestriction" },
                { (char *) "enable-bootstrap-token-auth", (char *) "true" },
                { (char *) "kubelet-preferred-address-types", (char *) "InternalIP,ExternalIP,Hostname" },
                { (char *) "profiling", (char *) "false" },
                { (char *) "requestheader-allowed-names", (char *) "front-proxy-client" },
                { (char *) "requestheader-extra-headers-prefix", (char *) "X-Remote-Extra-" },
                { (char *) "requestheader-group-headers", (char *) "X-Remote-Group" },
                { (char *) "requestheader-username-headers", (char *) "X-Remote-User" },
                { (char *) "tls-min-version", (char *) "VersionTLS12" },
        };
        _cleanup_str_ char *loopback = loopback_of(b->place), *etcd = xasprintf("https://%s:2379", loopback);
        _cleanup_str_ char *port = xasprintf("%u", real_api_port(b->config));

        for (size_t i = 0; i < ARRAY_SIZE(fixed); i++)
                set(b, fixed[i].key, fixed[i].value);
        set_api_server_files(b);
        set_authorization(b);
        set(b, "api-audiences", b->config->endpoint);
        set(b, "service-account-issuer", b->config->endpoint);
        set(b, "etcd-servers", etcd);
        set(b, "secure-port", port);
        set_list(b, "service-cluster-ip-range", &b->config->service_subnets);
        return merge_extra(b, "kube-apiserver", &b->config->api_server_args, api_server_policies, err);
}

static int controller_manager_arguments(struct builder *b, struct error *err) {
        static const struct policy policies[] = {
                { "service-cluster-ip-range", MERGE_ADD },  { "controllers", MERGE_ADD },
                { "cluster-signing-cert-file", MERGE_DENY }, { "cluster-signing-key-file", MERGE_DENY },
                { "authentication-kubeconfig", MERGE_DENY }, { "authorization-kubeconfig", MERGE_DENY },
                { "root-ca-file", MERGE_DENY },             { "service-account-private-key-file", MERGE_DENY },
                { NULL, 0 },
        };

        set(b, "use-service-account-credentials", "true");
        set(b, "allocate-node-cidrs", "true");
        set(b, "bind-address", "127.0.0.1");
        set_list(b, "cluster-cidr", &b->config->pod_subnets);
        set_list(b, "service-cluster-ip-range", &b->config->service_subnets);
        set_file(b, "cluster-signing-cert-file", "apiserver/ca.crt");
        set_file(b, "cluster-signing-key-file", "apiserver/ca.key");
        set(b, "controllers", "*,tokencleaner");
        set(b, "configure-cloud-routes", "false");
        set_file(b, "kubeconfig", "controller-manager/kubeconfig");
        set_file(b, "authentication-kubeconfig", "controller-manager/kubeconfig");
        set_file(b, "authorization-kubeconfig", "controller-manager/kubeconfig");
        set(b, "leader-elect", "true");
        set_file(b, "root-ca-file", "apiserver/ca.crt");
        set_file(b, "service-account-private-key-file", "apiserver/service-account.key");
        set(b, "profiling", "false");
        set(b, "tls-min-version", "VersionTLS13");
        set_file(b, "flex-volume-plugin-dir", "controller-manager/flex");        /* else it makes a folder under /usr/libexec */
        return merge_extra(b, "kube-controller-manager", &b->config->controller_manager_args, policies, err);
}

static int scheduler_arguments(struct builder *b, struct error *err) {
        static const struct policy policies[] = { { "kubeconfig", MERGE_DENY }, { "authentication-kubeconfig", MERGE_DENY },
                                                  { "authorization-kubeconfig", MERGE_DENY }, { "config", MERGE_DENY }, { NULL, 0 } };

        set_file(b, "config", "scheduler/scheduler-config.yaml");
        set(b, "authentication-tolerate-lookup-failure", "false");
        set_file(b, "authentication-kubeconfig", "scheduler/kubeconfig");
        set_file(b, "authorization-kubeconfig", "scheduler/kubeconfig");
        set(b, "bind-address", "127.0.0.1");
        set(b, "leader-elect", "true");
        set(b, "profiling", "false");
        set(b, "tls-min-version", "VersionTLS13");
        return merge_extra(b, "kube-scheduler", &b->config->scheduler_args, policies, err);
}

int real_layout_arguments(enum real_program which, const struct sim_config *c, const struct real_place *place, const struct real_etcd_start *etcd,
                          struct strv *ret, struct error *err) {
        struct builder b = { .config = c, .place = place };
        int r;

        if (which == REAL_ETCD)
                r = etcd_arguments(&b, etcd, err);
        else if (which == REAL_API_SERVER)
                r = api_server_arguments(&b, err);
        else if (which == REAL_CONTROLLER_MANAGER)
                r = controller_manager_arguments(&b, err);
        else
                r = scheduler_arguments(&b, err);
        if (r == 0)
                finish(&b, ret);
        kvs_done(&b.args);
        return r;
}
