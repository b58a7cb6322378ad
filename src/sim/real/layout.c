/* The files. */
#include "sim/real/layout.h"

#include "base/codec.h"
#include "base/file.h"
#include "base/json.h"

#define HOURS_MS (3600 * 1000LL)
#define ETCD_LIFETIME_MS (87600 * HOURS_MS)      /* talos: internal/pkg/etcd/certs.go */
#define LIFETIME_MS (8760 * HOURS_MS)            /* talos: constants.KubernetesDefaultCertificateValidityDuration */

unsigned real_api_port(const struct sim_config *c) {
        return c->api_port ? c->api_port : 6443;
}

char *real_peer_url(const struct ip6_addr *a) {
        _cleanup_str_ char *host = ip6_bracket(a, 2380);
        return xasprintf("https://%s", host);
}

static int put(const struct real_place *p, const char *name, const char *text, struct error *err) {
        _cleanup_str_ char *path = path_join(p->folder, name);
        return file_write_atomic(path, text, strlen(text), 0600, err);
}

static int put_json(const struct real_place *p, const char *name, json_t *value /* taken */, struct error *err) {
        _cleanup_json_ json_t *held = value;
        _cleanup_str_ char *text = json_write(held);
        return put(p, name, text, err);
}

static int put_pair(const struct real_place *p, const char *name, const struct cert_pair *pair, struct error *err) {
        _cleanup_str_ char *cert = xasprintf("%s.crt", name), *key = xasprintf("%s.key", name);
        return put(p, cert, pair->cert_pem, err) < 0 || put(p, key, pair->key_pem, err) < 0 ? -1 : 0;
}

static int issue(const struct real_place *p, const struct cert_pair *ca, const char *name, struct cert_spec *s, int64_t lifetime_ms, struct error *err) {
        _cleanup_cert_pair_ struct cert_pair pair = { 0 };
        s->not_before_ms = p->now_ms;
        s->lifetime_ms = lifetime_ms;
        if (cert_issue(ca, s, &pair, err) < 0)
                return error_wrap(err, "making %s.crt", name);
        return put_pair(p, name, &pair, err);
}

/* --- etcd --- */

int real_mint_etcd_client(const struct sim_config *c, const char *name, int64_t now_ms, struct cert_pair *ret, struct error *err) {
        struct cert_spec s = { .common_name = name, .client_auth = true, .not_before_ms = now_ms, .lifetime_ms = ETCD_LIFETIME_MS };
        return cert_issue(&c->etcd_ca, &s, ret, err);
}

static int write_etcd(const struct sim_config *c, const struct real_place *p, struct error *err) {
        _cleanup_strv_ struct strv names = { 0 };
        struct ip6_addr addresses[2] = { p->addr, { .b = { [15] = 1 } } };
        _cleanup_cert_pair_ struct cert_pair client = { 0 };

        strv_add(&names, p->hostname);
        struct cert_spec peer = { .common_name = p->hostname, .dns_names = &names, .addresses = addresses, .n_addresses = 1, .server_auth = true,
                                  .client_auth = true };
        if (put(p, "etcd/ca.crt", c->etcd_ca.cert_pem, err) < 0 || issue(p, &c->etcd_ca, "etcd/peer", &peer, ETCD_LIFETIME_MS, err) < 0)
                return -1;
        strv_add(&names, "localhost");
        struct cert_spec server = peer;
        server.n_addresses = 2;
        server.loopback = true;
        server.v4 = p->loopback;
        if (issue(p, &c->etcd_ca, "etcd/server", &server, ETCD_LIFETIME_MS, err) < 0)
                return -1;
        if (real_mint_etcd_client(c, "kube-apiserver", p->now_ms, &client, err) < 0)
                return -1;
        return put_pair(p, "apiserver/etcd-client", &client, err);
}

/* --- kube-apiserver --- */

/* An endpoint or SAN of the config: an address, or a name. */
static void add_san(const char *san, struct strv *names, struct ip6_addr *addresses, size_t *n) {
        if (str_empty(san))
                return;
        if (ip6_parse(san, &addresses[*n]))
                (*n)++;
        else if (!strv_has(names, san))
                strv_add(names, san);
}

static int write_serving(const struct sim_config *c, const struct real_place *p, struct error *err) {
        static const char *const organizations[] = { "kube-master", NULL };
        static const char *const fixed[] = { "kubernetes", "kubernetes.default", "kubernetes.default.svc", "localhost" };
        _cleanup_strv_ struct strv names = { 0 };
        _cleanup_free_ struct ip6_addr *addresses = xcalloc(c->api_server_cert_sans.n + c->service_subnets.n + 2, sizeof(*addresses));
        size_t n = 0;

        for (size_t i = 0; i < ARRAY_SIZE(fixed); i++)
                strv_add(&names, fixed[i]);
        _cleanup_str_ char *full = xasprintf("kubernetes.default.svc.%s", c->dns_domain ? c->dns_domain : "cluster.local");
        strv_add(&names, full);
        add_san(c->endpoint_host, &names, addresses, &n);
        for (size_t i = 0; i < c->api_server_cert_sans.n; i++)
                add_san(c->api_server_cert_sans.items[i], &names, addresses, &n);
        add_san(p->hostname, &names, addresses, &n);
        for (size_t i = 0; i < c->service_subnets.n; i++) {
                struct ip6_prefix subnet;
                if (ip6_prefix_parse(c->service_subnets.items[i], &subnet, NULL))
                        addresses[n++] = ip6_host(&subnet, 1);
        }
        addresses[n++] = p->addr;
        struct cert_spec s = { .common_name = "kube-apiserver", .organizations = organizations, .dns_names = &names, .addresses = addresses,
                               .n_addresses = n, .loopback = true, .v4 = p->loopback, .server_auth = true };
        return issue(p, &c->k8s_ca, "apiserver/apiserver", &s, LIFETIME_MS, err);
}

static int write_clients(const struct sim_config *c, const struct real_place *p, struct error *err) {
        static const char *const masters[] = { "system:masters", NULL };
        struct cert_spec kubelet = { .common_name = "apiserver-kubelet-client", .organizations = masters, .client_auth = true };
        struct cert_spec proxy = { .common_name = "front-proxy-client", .client_auth = true };

        if (issue(p, &c->k8s_ca, "apiserver/kubelet-client", &kubelet, LIFETIME_MS, err) < 0 ||
            issue(p, &c->aggregator_ca, "apiserver/front-proxy-client", &proxy, LIFETIME_MS, err) < 0)
                return -1;
        return put(p, "apiserver/aggregator-ca.crt", c->aggregator_ca.cert_pem, err);
}

static int write_service_account(const struct sim_config *c, const struct real_place *p, struct error *err) {
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = NULL;

        if (cert_read_key(c->service_account_key, &key, err) < 0)
                return error_wrap(err, "the service account key");
        _cleanup_str_ char *public_pem = cert_public_key_pem(key);
        return put(p, "apiserver/service-account.key", c->service_account_key, err) < 0 ? -1 : put(p, "apiserver/service-account.pub", public_pem, err);
}

/* Secrets at rest: a secretbox key, else an AES one; what was written without stays readable (talos: k8stemplates/apiserver-encryption). */
static json_t *encryption(const struct sim_config *c) {
        json_t *providers = json_array();

        if (!str_empty(c->aescbc_secret))
                json_array_append_new(providers, json_pack("{s:{s:[{s:s, s:s}]}}", "aescbc", "keys", "name", "key1", "secret", c->aescbc_secret));
        if (!str_empty(c->secretbox_secret))
                json_array_insert_new(providers, 0, json_pack("{s:{s:[{s:s, s:s}]}}", "secretbox", "keys", "name", "key2", "secret",
                                                              c->secretbox_secret));
        json_array_append_new(providers, json_pack("{s:{}}", "identity"));
        return json_pack("{s:s, s:s, s:[{s:[s], s:o}]}", "apiVersion", "apiserver.config.k8s.io/v1", "kind", "EncryptionConfiguration", "resources",
                         "resources", "secrets", "providers", providers);
}

static int write_api_server_config(const struct sim_config *c, const struct real_place *p, struct error *err) {
        json_t *plugins = c->admission_control ? json_deep_copy(c->admission_control) : json_array();
        json_t *admission = json_pack("{s:s, s:s, s:o}", "apiVersion", "apiserver.config.k8s.io/v1", "kind", "AdmissionConfiguration", "plugins", plugins);
        json_t *audit = c->audit_policy ? json_deep_copy(c->audit_policy)
                                        : json_pack("{s:s, s:s, s:[{s:s}]}", "apiVersion", "audit.k8s.io/v1", "kind", "Policy", "rules", "level",
                                                    "Metadata");
        json_t *authorization = json_pack("{s:s, s:s, s:[{s:s, s:s}, {s:s, s:s}]}", "apiVersion", "apiserver.config.k8s.io/v1", "kind",
                                          "AuthorizationConfiguration", "authorizers", "type", "Node", "name", "node", "type", "RBAC", "name", "rbac");
        bool bad = put_json(p, "apiserver/admission-control-config.yaml", admission, err) < 0;
        bad = put_json(p, "apiserver/auditpolicy.yaml", audit, bad ? NULL : err) < 0 || bad;
        bad = put_json(p, "apiserver/authorization-config.yaml", authorization, bad ? NULL : err) < 0 || bad;
        return put_json(p, "apiserver/encryptionconfig.yaml", encryption(c), bad ? NULL : err) < 0 || bad ? -1 : 0;
}

/* --- controller-manager and scheduler --- */

int real_mint_kubernetes_client(const struct sim_config *c, const char *user, const char *const *groups, int64_t now_ms, struct cert_pair *ret,
                                struct error *err) {
        struct cert_spec s = { .common_name = user, .organizations = groups, .client_auth = true, .not_before_ms = now_ms, .lifetime_ms = LIFETIME_MS };
        return cert_issue(&c->k8s_ca, &s, ret, err);
}

/* Talos' say localhost:6443; the API server listens on the machine's own address here. */
static int write_kubeconfig(const struct sim_config *c, const struct real_place *p, const char *name, const char *user, const char *group, struct error *err) {
        const char *const groups[] = { group, NULL };
        _cleanup_cert_pair_ struct cert_pair pair = { 0 };
        _cleanup_str_ char *host = ip6_bracket(&p->addr, real_api_port(c));

        if (real_mint_kubernetes_client(c, user, groups, p->now_ms, &pair, err) < 0)
                return -1;
        _cleanup_str_ char *ca = base64_encode(c->k8s_ca.cert_pem, strlen(c->k8s_ca.cert_pem));
        _cleanup_str_ char *cert = base64_encode(pair.cert_pem, strlen(pair.cert_pem)), *key = base64_encode(pair.key_pem, strlen(pair.key_pem));
        json_t *o = json_pack("{s:s, s:s, s:s}", "apiVersion", "v1", "kind", "Config", "current-context", "default");
        json_object_set_new(o, "clusters", json_pack("[{s:s, s:{s:o, s:s}}]", "name", "default", "cluster", "server", json_strf("https://%s", host),
                                                     "certificate-authority-data", ca));
        json_object_set_new(o, "users", json_pack("[{s:s, s:{s:s, s:s}}]", "name", "default", "user", "client-certificate-data", cert,
                                                  "client-key-data", key));
        json_object_set_new(o, "contexts", json_pack("[{s:s, s:{s:s, s:s}}]", "name", "default", "context", "cluster", "default", "user", "default"));
        return put_json(p, name, o, err);
}

static int write_clients_of_api(const struct sim_config *c, const struct real_place *p, struct error *err) {
        _cleanup_str_ char *kubeconfig = path_join(p->folder, "scheduler/kubeconfig");
        json_t *scheduler = json_pack("{s:s, s:s, s:{s:s}}", "apiVersion", "kubescheduler.config.k8s.io/v1", "kind", "KubeSchedulerConfiguration",
                                      "clientConnection", "kubeconfig", kubeconfig);
        if (put_json(p, "scheduler/scheduler-config.yaml", scheduler, err) < 0)
                return -1;
        if (write_kubeconfig(c, p, "controller-manager/kubeconfig", "system:kube-controller-manager", "system:kube-controller-manager", err) < 0 ||
            write_kubeconfig(c, p, "scheduler/kubeconfig", "system:kube-scheduler", "system:kube-scheduler", err) < 0)
                return -1;
        return write_kubeconfig(c, p, "admin.kubeconfig", "admin", "system:masters", err);
}

int real_layout_write(const struct sim_config *c, const struct real_place *p, struct error *err) {
        static const char *const folders[] = { "etcd", "apiserver", "controller-manager", "scheduler" };

        for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
                _cleanup_str_ char *path = path_join(p->folder, folders[i]);
                if (dir_make(path, 0700, err) < 0)
                        return -1;
        }
        if (write_etcd(c, p, err) < 0 || put_pair(p, "apiserver/ca", &c->k8s_ca, err) < 0 || write_serving(c, p, err) < 0 || write_clients(c, p, err) < 0 ||
            write_service_account(c, p, err) < 0 || write_api_server_config(c, p, err) < 0)
                return -1;
        return write_clients_of_api(c, p, err);
}
