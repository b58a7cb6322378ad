/* The double of Helm: what happens when a Job's pod runs an image whose name contains "helm" with the arguments
 *
 *     helm upgrade --install NAME CHART.tgz [-n|--namespace NS] [-f|--values FILE]… [anything that begins with --]
 *
 * (in command and args, or as the words of one `sh -c` script without quotes). CHART and FILE are paths below volumeMounts of the
 * container; the volumes are ConfigMaps or Secrets (data and binaryData, items[].key/path honoured).
 *
 * What a chart may use. A chart is NAME/Chart.yaml, NAME/values.yaml and NAME/templates/ *.yaml in a gzipped ustar archive. In
 * templates only these are replaced, with or without the trimming dashes:
 *
 *     {{ .Values.a.b }}  {{ .Release.Name }}  {{ .Release.Namespace }}  {{ .Chart.Name }}  {{ .Chart.Version }}  {{
 * .Chart.AppVersion }}
 *
 * optionally followed by "| quote" or "| toString". A value that is missing becomes the empty string; a map or list is written as
 * flow YAML (JSON). Lines {{- if .Values.a.b }} … {{- end }} (no else, may nest) leave out what stands between when the value is
 * false, empty, null, 0 or missing. Anything else between {{ }} makes the Job fail with a message that names it. Files whose
 * names
 * begin with "_" or do not end in .yaml are ignored, and so is crds/ beyond being applied first as it stands.
 *
 * What the rest of the double recognises by name, because the real programs do so much more:
 *   DaemonSet "cilium"           the network plugin: a node turns Ready when this pod is ready on it. With key
 *                                k8s-require-ipv6-pod-cidr: "true" in ConfigMap "cilium-config" the pod is ready only on a node
 * with
 *                                an IPv6 pod CIDR.
 *   Deployment "cilium-operator" its pod creates the CustomResourceDefinitions of cilium.io when it runs.
 *   image …/talos-cloud-controller-manager   see ccm.c.
 *
 * The release is stored as Helm does: Secret sh.helm.release.v1.NAME.vN of type helm.sh/release.v1, labels owner=helm, status,
 * version. */
#pragma once

#include <jansson.h>

#include "base/error.h"
#include "base/strbuf.h"

struct tar_entry { char *path; char *data; size_t len; };
struct tar_files { struct tar_entry *items; size_t n; };
void tar_files_done(struct tar_files *t);
#define _cleanup_tar_files_ _cleanup_(tar_files_done)
/* Reads a gzipped ustar archive (also GNU long names and pax paths); regular files only. ERR_INVALID. */
int tar_read_gz(const void *p, size_t n, struct tar_files *ret, struct error *err);

struct helm_scope { const json_t *values; const char *release, *name_space, *chart, *version, *app_version; };
/* Renders one template; ERR_INVALID names what it does not know. ret is owned. */
int helm_render(const char *file, const char *text, const struct helm_scope *scope, char **ret, struct error *err);
/* Values of src over those of dst, maps merged, as Helm coalesces values. */
void helm_merge_values(json_t *dst, const json_t *src);

struct kube_cluster;
/* Does what `helm upgrade --install` would do for this pod. 0, or negative with the text Helm would print. */
int helm_run(struct kube_cluster *c, const json_t *pod, struct error *err);
/* Is this container Helm? */
bool helm_is(const json_t *container);
