/* The same cluster for kubeadm on an ordinary distribution: a machine config read back and said in the words of kubeadm, systemd and sysctl.d. */
#pragma once

#include "base/error.h"
#include "base/strbuf.h"
#include "base/yaml.h"

/* From one machine config (text, after all patches) to files: relative path -> text. name is that of the machine config's file ("worker.yaml"); its stem
 * is the folder of its files. Holds no secret of the config. ERR_INVALID: no machine config. */
int kubeadm_files(const char *name, const char *config, struct kvs *ret_files, struct error *err);

/* Settings that stand in documents beside root (the v1alpha1 document), put into it. */
void kubeadm_fold_documents(const struct yaml_docs *docs, struct yaml_node *root);
