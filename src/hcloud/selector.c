/* Label selectors, built and checked, never pasted together. (hcloud API: "Label Selector") */
#include <hcloud/label.h>

#include "base/error.h"
#include "base/strbuf.h"

struct hcloud_selector {
        struct strbuf text;
        struct error error;     /* the first thing that was wrong */
};

struct hcloud_selector *hcloud_selector_new(void) {
        struct hcloud_selector *s = xnew0(struct hcloud_selector);
        s->error = ERROR_INIT;
        return s;
}

void hcloud_selector_free(struct hcloud_selector *s) {
        if (!s)
                return;
        strbuf_done(&s->text);
        error_done(&s->error);
        free(s);
}

/* Checks the pair and starts the next part; false when something is or was wrong. */
static bool begin(struct hcloud_selector *s, const char *key, const char *value) {
        if (s->error.kind != ERR_NONE || hcloud_label_check(key, value, &s->error) < 0)
                return false;
        if (s->text.len > 0)
                strbuf_addc(&s->text, ',');
        return true;
}

void hcloud_selector_equal(struct hcloud_selector *s, const char *key, const char *value) {
        if (begin(s, key, value))
                strbuf_addf(&s->text, "%s=%s", key, value ? value : "");
}

void hcloud_selector_not_equal(struct hcloud_selector *s, const char *key, const char *value) {
        if (begin(s, key, value))
                strbuf_addf(&s->text, "%s!=%s", key, value ? value : "");
}

void hcloud_selector_has(struct hcloud_selector *s, const char *key) {
        if (begin(s, key, NULL))
                strbuf_adds(&s->text, key);
}

void hcloud_selector_has_not(struct hcloud_selector *s, const char *key) {
        if (begin(s, key, NULL))
                strbuf_addf(&s->text, "!%s", key);
}

static void add_set(struct hcloud_selector *s, const char *key, const char *word, const char *const *values) {
        if (s->error.kind == ERR_NONE && (!values || !values[0])) {
                error_set(&s->error, ERR_INVALID, "label selector: no values given for '%s %s (…)'", key, word);
                return;
        }
        for (size_t i = 0; values && values[i]; i++)
                if (s->error.kind != ERR_NONE || hcloud_label_check(key, values[i], &s->error) < 0)
                        return;
        if (!begin(s, key, NULL))
                return;
        strbuf_addf(&s->text, "%s %s (", key, word);
        for (size_t i = 0; values && values[i]; i++)
                strbuf_addf(&s->text, "%s%s", i ? "," : "", values[i]);
        strbuf_addc(&s->text, ')');
}

void hcloud_selector_in(struct hcloud_selector *s, const char *key, const char *const *values) {
        add_set(s, key, "in", values);
}

void hcloud_selector_not_in(struct hcloud_selector *s, const char *key, const char *const *values) {
        add_set(s, key, "notin", values);
}

int hcloud_selector_take(struct hcloud_selector *s, char **ret, struct error *err) {
        int r = 0;
        if (s->error.kind != ERR_NONE)
                r = error_move(err, &s->error);
        else if (s->text.len == 0)
                r = error_set(err, ERR_INVALID, "the label selector is empty; it would select everything");
        else
                *ret = strbuf_take(&s->text);
        hcloud_selector_free(s);
        return r;
}

int hcloud_selector_one(const char *key, const char *value, char **ret, struct error *err) {
        struct hcloud_selector *s = hcloud_selector_new();
        hcloud_selector_equal(s, key, value);
        return hcloud_selector_take(s, ret, err);
}
