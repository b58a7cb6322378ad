/* What a chart's templates ask for, found in their text: Go templates are not evaluated here. Paths are dotted, without ".Values"; "" is the root. */
#pragma once

#include "bootstrap/chart-files.h"

/* The text of all files below a folder ("templates/") as one. Owned. */
char *chart_templates_text(const struct chart_files *files, const char *folder);

/* How a map of the values is used. */
enum template_use {
        TEMPLATE_BY_KEY,                 /* only by its keys' names */
        TEMPLATE_SCOPED,                 /* kept in a variable or entered by `with`: its keys may be asked for without the path before them */
        TEMPLATE_WHOLE,                  /* written out, looped over or handed on as it is: any key counts */
};
enum template_use chart_template_use(const char *text, const char *path);
/* Do the templates ask for this key of the map at path, by its path or by a function that is given its name (`hasKey .Values.a "b"`)? */
bool chart_template_mentions(const char *text, const char *path, const char *key);
/* Is there ".key" or a quoted key anywhere? */
bool chart_template_mentions_anywhere(const char *text, const char *key);
