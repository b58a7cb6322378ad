/* Secrets bundles that other programs wrote, read into ours.
 *
 * Known: talosctl's secrets.yaml (talhelper's talsecret.yaml, talhelper: pkg/secret/print.go, and topf's secrets.yaml, topf: internal/topf/secrets.go, are the
 * same bundle of Talos, differently indented; both mostly lie encrypted by SOPS); the JSON that Go writes of Talos' bundle
 * ("Cluster": {"Id": …}, "Crt"); the Terraform provider's machine_secrets (terraform-provider-talos: docs/resources/machine_secrets.md:
 * "k8s_serviceaccount", "cert"), alone, as an output, or below machine_secrets. */
#pragma once

#include "talos/secrets.h"

/* name is used in messages. ERR_INVALID: not a bundle, encrypted by SOPS, with placeholders (each with the way out in err->hint), or what talos_secrets_parse() refuses. */
int talos_secrets_import(const char *name, const char *text, size_t len, struct talos_secrets **ret_secrets, struct error *err);
