/* A table of scenes: what is there, what is decided, what is said about it. */
#pragma once

#include "../unit.h"
#include "base/util.h"
#include "scene.h"

struct row {
        const char *name, *scene;
        const char *want;                  /* scene_decision() */
        const char *says;                  /* parts of scene_words(), separated by '|'; a leading '!' means: must not be there. NULL: not looked at */
};

static inline void check_row(const struct row *r) {
        struct error err = ERROR_INIT;
        _cleanup_snapshot_ struct snapshot *s = scene(r->scene);
        _cleanup_decision_ struct decision d = { 0 };
        ck_assert_msg(decide(s, &d, &err) == 0, "%s: %s", r->name, err.message);
        _cleanup_str_ char *have = scene_decision(&d), *words = scene_words(&d);
        ck_assert_msg(strcmp(have, r->want) == 0, "%s:\n   have: %s\n   want: %s\n%s", r->name, have, r->want, words);
        _cleanup_strv_ struct strv parts = { 0 };
        if (r->says)
                strv_split(&parts, r->says, '|');
        for (size_t i = 0; i < parts.n; i++) {
                bool absent = parts.items[i][0] == '!';
                bool found = strstr(words, parts.items[i] + absent) != NULL;
                ck_assert_msg(found != absent, "%s: '%s' is %s in:\n%s", r->name, parts.items[i] + absent, absent ? "" : "not", words);
        }
}
