/* Reading JSON answers into plain structs. null is not absent; ids are int64_t; numbers may be integer or real.
 *
 * The getters return false and fill err (ERR_PROTOCOL, with the path) only for a wrong type; absence and null give the default. */
#pragma once

#include <jansson.h>

#include "base/error.h"
#include "base/strbuf.h"

#define _cleanup_json_ _cleanup_(json_decrefp)   /* json_decrefp is jansson's own */

/* Parses a whole body with duplicates refused; ERR_PROTOCOL with the place and the first bytes of the body (control characters cut). More than 1,000,000 objects
 * and lists, or 5,000,000 values, are ERR_PROTOCOL too: the memory that one body takes has a bound. */
int json_parse(const char *what, const char *body, size_t len, json_t **ret, struct error *err);

bool jget_str(const json_t *o, const char *key, char **ret, struct error *err);      /* owned copy, or NULL */
bool jget_int(const json_t *o, const char *key, int64_t *ret, struct error *err);    /* absent or null: untouched */
bool jget_real(const json_t *o, const char *key, double *ret, struct error *err);    /* integer or real */
bool jget_bool(const json_t *o, const char *key, bool *ret, struct error *err);
bool jget_kvs(const json_t *o, const char *key, struct kvs *ret, struct error *err); /* object of strings */
bool jget_strv(const json_t *o, const char *key, struct strv *ret, struct error *err);
const json_t *jget(const json_t *o, const char *dotted);                             /* borrowed, NULL when absent or null; "items.0.name" too */
const char *jget_text(const json_t *o, const char *dotted);                          /* borrowed string or NULL */
json_t *json_from_kvs(const struct kvs *m);                                          /* new reference */
json_t *json_strf(const char *fmt, ...) _printf_(1, 2);                              /* new reference */
char *json_write(const json_t *j);                                                   /* compact, owned */
/* Sets key to value (reference stolen); key is not set when value is NULL. */
void jset(json_t *o, const char *key, json_t *value);
void jset_str(json_t *o, const char *key, const char *value);                        /* NULL: not set */
