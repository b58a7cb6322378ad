/* Discovery, version, health, and as much OpenAPI as kubectl needs to send its validation to the server. */
#include "sim/kube/rest.h"

static json_t *verbs_of(void) {
        return json_pack("[ssssssss]", "create", "delete", "deletecollection", "get", "list", "patch", "update", "watch");
}

static json_t *resource_entry(const struct kube_type *t, const char *subresource, json_t *verbs) {
        _cleanup_str_ char *name = subresource ? xasprintf("%s/%s", t->plural, subresource) : xstrdup(t->plural);
        json_t *entry = json_pack("{s:s, s:s, s:b, s:s, s:o}", "name", name, "singularName", subresource ? "" : t->singular,
                                  "namespaced",
                                  kube_type_has(t, KUBE_NAMESPACED) ? 1 : 0, "kind", t->kind, "verbs", verbs);
        if (!subresource && *t->short_names) {
                _cleanup_strv_ struct strv names = { 0 };
                strv_split(&names, t->short_names, ',');
                for (size_t i = 0; i < names.n; i++)
                        json_array_append_new(meta_array(entry, "shortNames"), json_string(names.items[i]));
        }
        if (!subresource && (str_eq(t->kind, "Pod") || str_eq(t->group, "apps") || str_eq(t->kind, "Service") ||
                             str_eq(t->kind, "Job")) &&
            !str_eq(t->kind, "ControllerRevision"))
                json_array_append_new(meta_array(entry, "categories"), json_string("all"));
        return entry;
}

static void add_foreign(json_t *list, const struct kube_type *t, const char *subresource, const char *group, const char *version,
                        const char *kind,
                        json_t *verbs) {
        json_t *entry = resource_entry(t, subresource, verbs);
        jset_str(entry, "group", *group ? group : NULL);
        jset_str(entry, "version", version);
        jset_str(entry, "kind", kind);
        json_array_append_new(list, entry);
}

static void resources_of(json_t *list, const struct kube_type *t) {
        json_array_append_new(list, resource_entry(t, NULL, verbs_of()));
        if (kube_type_has(t, KUBE_STATUS))
                json_array_append_new(list, resource_entry(t, "status", json_pack("[sss]", "get", "patch", "update")));
        if (kube_type_has(t, KUBE_SCALE))
                add_foreign(list, t, "scale", "autoscaling", "v1", "Scale", json_pack("[sss]", "get", "patch", "update"));
        if (!*t->group && str_eq(t->kind, "Pod")) {
                add_foreign(list, t, "eviction", "policy", "v1", "Eviction", json_pack("[s]", "create"));
                add_foreign(list, t, "binding", "", "v1", "Binding", json_pack("[s]", "create"));
                json_array_append_new(list, resource_entry(t, "log", json_pack("[s]", "get")));
        }
        if (!*t->group && str_eq(t->kind, "ServiceAccount"))
                add_foreign(list, t, "token", "authentication.k8s.io", "v1", "TokenRequest", json_pack("[s]", "create"));
        if (str_eq(t->kind, "CertificateSigningRequest"))
                json_array_append_new(list, resource_entry(t, "approval", json_pack("[sss]", "get", "patch", "update")));
}

static json_t *group_version_resources(struct kube_cluster *c, const char *group, const char *version) {
        _cleanup_str_ char *name = *group ? xasprintf("%s/%s", group, version) : xstrdup(version);
        json_t *out = json_pack("{s:s, s:s, s:s, s:[]}", "kind", "APIResourceList", "apiVersion", "v1", "groupVersion", name,
                                "resources");
        for (size_t i = 0; i < c->types.n; i++)
                if (str_eq(c->types.items[i]->group, group) && str_eq(c->types.items[i]->version, version))
                        resources_of(json_object_get(out, "resources"), c->types.items[i]);
        return out;
}

/* The groups, each with the versions it is served in; the first is preferred. */
static json_t *groups_of(struct kube_cluster *c) {
        json_t *groups = json_array();
        for (size_t i = 0; i < c->types.n; i++) {
                const struct kube_type *t = c->types.items[i];
                if (!*t->group)
                        continue;
                json_t *group = NULL, *each;
                size_t k;
                json_array_foreach(groups, k, each)
                        if (str_eq(jget_text(each, "name"), t->group))
                                group = each;
                _cleanup_str_ char *name = kube_type_api_version(t);
                if (!group) {
                        group = json_pack("{s:s, s:[], s:{s:s, s:s}}", "name", t->group, "versions", "preferredVersion",
                                          "groupVersion", name, "version",
                                          t->version);
                        json_array_append_new(groups, group);
                }
                bool known = false;
                json_array_foreach(json_object_get(group, "versions"), k, each)
                        known |= str_eq(jget_text(each, "version"), t->version);
                if (!known)
                        json_array_append_new(json_object_get(group, "versions"), json_pack("{s:s, s:s}", "groupVersion", name,
                                                                                          "version", t->version));
        }
        return groups;
}

static void answer_version(struct kube_cluster *c, struct kube_answer *a) {
        const char *version = c->settings.kubernetes_version ? c->settings.kubernetes_version : "v1.36.3";
        _cleanup_strv_ struct strv parts = { 0 };
        strv_split(&parts, version + (*version == 'v'), '.');
        answer_json(a, 200, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "major", parts.items[0], "minor", parts.n > 1 ?
                                      parts.items[1] : "0",
                                      "gitVersion", version, "gitCommit", "simulated", "gitTreeState", "clean", "buildDate",
                                      "1970-01-01T00:00:00Z", "compiler",
                                      "gc", "platform", "linux/amd64"));
}

static void answer_text(struct kube_answer *a, const char *text) {
        a->status = 200;
        a->content_type = "text/plain; charset=utf-8";
        a->body = xstrdup(text);
}

static json_t *openapi_operation(const struct kube_type *t) {
        json_t *kind = json_pack("{s:s, s:s, s:s}", "group", t->group, "version", t->version, "kind", t->kind);
        json_t *parameters = json_pack("[{s:s, s:s, s:{s:s}}, {s:s, s:s, s:{s:s}}, {s:s, s:s, s:{s:s}}]", "name", "dryRun", "in",
                                       "query", "schema", "type",
                                       "string", "name", "fieldValidation", "in", "query", "schema", "type", "string", "name",
                                       "fieldManager", "in", "query",
                                       "schema", "type", "string");
        return json_pack("{s:{s:o, s:{}, s:o}}", "patch", "parameters", parameters, "responses",
                         "x-kubernetes-group-version-kind", kind);
}

/* kubectl looks whether a kind's PATCH knows the parameter fieldValidation; then it leaves validation to the server. */
static json_t *openapi_v3(struct kube_cluster *c, const char *group, const char *version) {
        json_t *paths = json_object();
        for (size_t i = 0; i < c->types.n; i++) {
                const struct kube_type *t = c->types.items[i];
                if (!str_eq(t->group, group) || !str_eq(t->version, version))
                        continue;
                _cleanup_str_ char *own = kube_type_api_version(t);
                _cleanup_str_ char *path = xasprintf("/%s/%s/%s%s/{name}", *group ? "apis" : "api", own,
                                                     kube_type_has(t, KUBE_NAMESPACED) ? "namespaces/{namespace}/" : "",
                                                     t->plural);
                json_object_set_new(paths, path, openapi_operation(t));
        }
        return json_pack("{s:s, s:{s:s, s:s}, s:o}", "openapi", "3.0.0", "info", "title", "Kubernetes", "version", "simulated",
                         "paths", paths);
}

static json_t *openapi_v3_index(struct kube_cluster *c) {
        json_t *paths = json_object();
        for (size_t i = 0; i < c->types.n; i++) {
                const struct kube_type *t = c->types.items[i];
                _cleanup_str_ char *version = kube_type_api_version(t);
                _cleanup_str_ char *key = xasprintf("%s/%s", *t->group ? "apis" : "api",
                                                    version), *url = xasprintf("/openapi/v3/%s?hash=0", key);
                json_object_set_new(paths, key, json_pack("{s:s}", "serverRelativeURL", url));
        }
        return json_pack("{s:o}", "paths", paths);
}

static bool answer_group(struct kube_cluster *c, const char *name, struct kube_answer *a) {
        _cleanup_json_ json_t *groups = groups_of(c);
        size_t i;
        json_t *each;
        json_array_foreach(groups, i, each) {
                if (!str_eq(jget_text(each, "name"), name))
                        continue;
                json_object_set_new(each, "kind", json_string("APIGroup"));
                json_object_set_new(each, "apiVersion", json_string("v1"));
                answer_json(a, 200, json_incref(each));
                return true;
        }
        return false;
}

/* Reviews that kubectl auth asks for; they are created, never stored. */
static bool answer_review(const struct kube_request *r, struct kube_answer *a) {
        _cleanup_json_ json_t *body = NULL;
        _cleanup_kube_failure_ struct kube_failure f = { 0 };
        bool access = str_starts(r->path, "/apis/authorization.k8s.io/v1/"), self = str_eq(r->path,
                                                                                          "/apis/authentication.k8s.io/v1/selfsubjectreviews");
        if (!request_is(r, "POST") || (!access && !self))
                return false;
        if (request_body(r, false, &body, &f) < 0) {
                answer_failure(a, &f);
                return true;
        }
        if (access) {
                json_object_set_new(body, "status", json_pack("{s:b}", "allowed", 1));
        } else {
                json_t *groups = json_array();
                for (size_t i = 0; r->groups && i < r->groups->n; i++)
                        json_array_append_new(groups, json_string(r->groups->items[i]));
                json_object_set_new(body, "status", json_pack("{s:{s:s, s:o}}", "userInfo", "username", r->user ? r->user : "",
                                                              "groups", groups));
        }
        answer_json(a, 201, TAKE(body));
        return true;
}

static bool answer_health(const struct kube_request *r, struct kube_answer *a) {
        static const char *const paths[] = { "/healthz", "/livez", "/readyz" };
        for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
                if (!str_eq(r->path, paths[i]))
                        continue;
                bool verbose = kvs_get(&r->query, "verbose") != NULL;
                _cleanup_str_ char *text = verbose ? xasprintf("[+]ping ok\n[+]log ok\n[+]etcd ok\n%s check passed\n",
                                                               paths[i] + 1) : xstrdup("ok");
                answer_text(a, text);
                return true;
        }
        return false;
}

bool discovery_handle(struct kube_cluster *c, const struct kube_request *r, struct kube_answer *a) {
        if (answer_health(r, a) || answer_review(r, a))
                return true;
        if (!request_is(r, "GET"))
                return false;
        _cleanup_strv_ struct strv parts = { 0 };
        strv_split(&parts, r->path + 1, '/');
        if (parts.n > 1 && !*parts.items[parts.n - 1])
                free(parts.items[--parts.n]);
        if (str_eq(r->path, "/version")) {
                answer_version(c, a);
        } else if (str_eq(parts.items[0], "api") && parts.n == 1) {
                answer_json(a, 200, json_pack("{s:s, s:[s], s:[]}", "kind", "APIVersions", "versions", "v1",
                                              "serverAddressByClientCIDRs"));
        } else if (str_eq(parts.items[0], "api") && parts.n == 2 && str_eq(parts.items[1], "v1")) {
                answer_json(a, 200, group_version_resources(c, "", "v1"));
        } else if (str_eq(parts.items[0], "apis") && parts.n == 1) {
                answer_json(a, 200, json_pack("{s:s, s:s, s:o}", "kind", "APIGroupList", "apiVersion", "v1", "groups",
                                              groups_of(c)));
        } else if (str_eq(parts.items[0], "apis") && parts.n == 2) {
                return answer_group(c, parts.items[1], a);
        } else if (str_eq(parts.items[0], "apis") && parts.n == 3 && kube_types_has_group_version(&c->types, parts.items[1],
                                                                                          parts.items[2])) {
                answer_json(a, 200, group_version_resources(c, parts.items[1], parts.items[2]));
        } else if (str_eq(r->path, "/openapi/v3")) {
                answer_json(a, 200, openapi_v3_index(c));
        } else if (str_starts(r->path, "/openapi/v3/api/v1")) {
                answer_json(a, 200, openapi_v3(c, "", "v1"));
        } else if (str_starts(r->path, "/openapi/v3/apis/") && parts.n == 5) {
                answer_json(a, 200, openapi_v3(c, parts.items[3], parts.items[4]));
        } else {
                return false;
        }
        return true;
}
