/* Objects of the snapshot's parts from cut JSON to structs. Private to src/scaler. */
#pragma once

#include "scaler/request.h"

typedef int (*read_fn)(struct snapshot *s, const json_t *o, struct error *err);
int read_node(struct snapshot *s, const json_t *o, struct error *err);
int read_budget(struct snapshot *s, const json_t *o, struct error *err);
int read_daemon_set(struct snapshot *s, const json_t *o, struct error *err);
int read_replica_set(struct snapshot *s, const json_t *o, struct error *err);
int read_volume(struct snapshot *s, const json_t *o, struct error *err);
int read_server(struct snapshot *s, const json_t *o, struct error *err);
int read_server_type(struct snapshot *s, const json_t *o, struct error *err);
int read_pricing(struct snapshot *s, const json_t *o, struct error *err);
int read_pool(struct snapshot *s, const json_t *o, struct error *err);
int read_settings(struct snapshot *s, const json_t *o, struct error *err);
/* From cut text, since pods that share their spec are parsed once. */
int read_pod(struct snapshot *s, const char *text, size_t len, struct error *err);

struct settings settings_default(void);
