#include "bootstrap/smoke-objects.h"

#include "base/json.h"

/* On a registry with IPv6; tags and digests are those of Cilium's own demo (minikube/http-sw-app.yaml) and connectivity tests. */
#define DEATHSTAR_IMAGE "quay.io/cilium/starwars:v2.1@sha256:833d915ec68fca3ce83668fc5dae97c455b2134d8f23ef96586f55b894cfb1e8"
#define CURL_IMAGE "quay.io/cilium/alpine-curl:v1.10.0@sha256:913e8c9f3d960dde03882defa0edd3a919d529c2eb167caa7f54194528bde364"

static json_t *object(const char *api, const char *kind, const char *name, bool namespaced) {
        json_t *metadata = json_pack("{s:s, s:{s:s}}", "name", name, "labels", "app.kubernetes.io/managed-by", "hcloud-v6");

        if (namespaced)
                json_object_set_new(metadata, "namespace", json_string(SMOKE_NAMESPACE));
        return json_pack("{s:s, s:s, s:o}", "apiVersion", api, "kind", kind, "metadata", metadata);
}

json_t *smoke_namespace(void) { return object("v1", "Namespace", SMOKE_NAMESPACE, false); }

static json_t *tolerate_all(void) { return json_pack("[{s:s}]", "operator", "Exists"); }

json_t *smoke_deathstar(size_t replicas) {
        json_t *service = object("v1", "Service", "deathstar", true), *deployment = object("apps/v1", "Deployment", "deathstar", true), *spec;

        json_object_set_new(service, "spec", json_pack("{s:[{s:i, s:i, s:s}], s:{s:s, s:s}}", "ports", "port", 80, "targetPort", 80, "protocol", "TCP",
                                                       "selector", "org", "empire", "class", "deathstar"));
        spec = json_pack("{s:[{s:s, s:s, s:[{s:i}]}]}", "containers", "name", "deathstar", "image", DEATHSTAR_IMAGE, "ports", "containerPort", 80);
        json_object_set_new(spec, "tolerations", tolerate_all());
        json_object_set_new(spec, "topologySpreadConstraints",
                            json_pack("[{s:i, s:s, s:s, s:{s:{s:s}}}]", "maxSkew", 1, "topologyKey", "kubernetes.io/hostname", "whenUnsatisfiable",
                                      "ScheduleAnyway", "labelSelector", "matchLabels", "class", "deathstar"));
        json_object_set_new(deployment, "spec",
                            json_pack("{s:I, s:{s:{s:s, s:s}}, s:{s:{s:{s:s, s:s}}, s:o}}", "replicas", (json_int_t) replicas, "selector",
                                      "matchLabels", "org", "empire", "class", "deathstar", "template", "metadata", "labels", "org", "empire", "class",
                                      "deathstar", "spec", spec));
        return json_pack("[o, o]", service, deployment);
}

json_t *smoke_policy(void) {
        json_t *p = object("cilium.io/v2", "CiliumNetworkPolicy", "deathstar", true);

        json_object_set_new(p, "spec", json_pack("{s:{s:{s:s, s:s}}, s:[{s:[{s:{s:s}}], s:[{s:[{s:s, s:s}]}]}]}", "endpointSelector", "matchLabels", "org",
                                                 "empire", "class", "deathstar", "ingress", "fromEndpoints", "matchLabels", "org", "empire", "toPorts",
                                                 "ports", "port", "80", "protocol", "TCP"));
        return p;
}

json_t *smoke_job(const char *name, const char *node, const char *org, const char *const *curl_arguments) {
        json_t *job = object("batch/v1", "Job", name, true), *args = json_array(), *spec;

        for (; *curl_arguments; curl_arguments++)
                json_array_append_new(args, json_string(*curl_arguments));
        spec = json_pack("{s:s, s:[{s:s, s:s, s:[s], s:o, s:s}]}", "restartPolicy", "Never", "containers", "name", "curl", "image", CURL_IMAGE, "command",
                         "curl", "args", args, "terminationMessagePolicy", "FallbackToLogsOnError");
        json_object_set_new(spec, "tolerations", tolerate_all());
        if (node)
                json_object_set_new(spec, "nodeName", json_string(node));
        json_object_set_new(job, "spec", json_pack("{s:i, s:i, s:{s:{s:{s:s, s:s}}, s:o}}", "backoffLimit", 1, "activeDeadlineSeconds", 120, "template",
                                                   "metadata", "labels", "org", org, "app.kubernetes.io/managed-by", "hcloud-v6", "spec", spec));
        return job;
}
