/* Reading objects: what all kinds have in common. */
#pragma once

#include "base/clock.h"
#include "base/json.h"

/* The time at key in milliseconds; absent or null leaves *ret. */
bool parse_time(const json_t *o, const char *key, int64_t *ret, struct error *err);
/* An array at a dotted path, NULL when absent; false when it is something else. */
bool parse_array(const json_t *o, const char *dotted, const json_t **ret, struct error *err);
/* An object of quantities: strings, or numbers taken as written. */
bool parse_quantities(const json_t *o, const char *key, struct kvs *ret, struct error *err);

typedef int (*parse_item_fn)(const json_t *item, void *into, struct error *err);
/* A JSON array of objects into an array of size-byte structs, each filled by fn. On failure what was filled is freed with done. */
int parse_items(const json_t *array, size_t size, parse_item_fn fn, void (*done)(void *item), void **ret_items, size_t *ret_n,
                struct error *err);
/* The items of a whole list as an array of structs, read in pages of PARSE_PAGE so that never more than one is in memory as JSON. */
#define PARSE_PAGE 100
struct kube_client;
int parse_list(struct kube_client *c, const char *path, size_t size, parse_item_fn fn, void (*done)(void *item), void **ret_items, size_t *ret_n,
               struct error *err);
