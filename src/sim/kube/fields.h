/* Field sets of server-side apply: which leaves of an object somebody owns, kept in the wire form of managedFields (FieldsV1):
 * nested
 * objects with keys "f:name", "k:{…}" (list item by its keys), "v:…" (item of a set), and "." for the element itself.
 * Sources: kubernetes structured-merge-diff (typed/, fieldpath/), and the listType/mapType marks of the built-in API types. */
#pragma once

#include <jansson.h>

#include "base/util.h"

enum list_kind { LIST_ATOMIC, LIST_SET, LIST_MAP };
struct list_shape { enum list_kind kind; const char *keys[3]; };         /* keys end with NULL, for LIST_MAP */

/* How a list called field inside parent (both without "f:") merges; kind is the object's. */
struct list_shape fields_list_shape(const char *kind, const char *parent, const char *field, const json_t *list);
/* Is the map called field inside parent one value ("selector", "fieldRef", …)? */
bool fields_map_atomic(const char *kind, const char *parent, const char *field);

/* The key element of a list item ("k:{\"name\":\"a\"}"), owned; NULL when a key field is missing. */
char *fields_item_key(const struct list_shape *shape, const json_t *item);
/* The item of list that a "k:" or "v:" element means; -1 when there is none. */
ssize_t fields_find_item(const struct list_shape *shape, const json_t *list, const char *element);

/* All leaves of an object but those nobody owns (apiVersion, kind, name, uid, managedFields …); new reference. */
json_t *fields_of(const json_t *object);
/* Leaves that differ between two objects (changed, added or removed); new reference. */
json_t *fields_changed(const json_t *before, const json_t *after);

json_t *fields_union(const json_t *a, const json_t *b);          /* all of them: new references */
json_t *fields_minus(const json_t *a, const json_t *b);
json_t *fields_common(const json_t *a, const json_t *b);
bool fields_empty(const json_t *a);
/* Paths in the form of the API server's messages (".spec.template.spec.containers[name=\"a\"].image"), for each leaf. */
void fields_each(const json_t *set, void (*fn)(void *data, const char *path), void *data);
/* Only those leaves of set that object still has; new reference. */
json_t *fields_existing(const json_t *set, const json_t *object);
/* Takes from object what is in gone; emptied maps and lists go too, if kept does not name them. */
void fields_remove(json_t *object, const json_t *gone, const json_t *kept);
