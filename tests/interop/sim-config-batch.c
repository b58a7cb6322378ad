/* The simulated node's reader of machine configs, asked like the witnesses: {"op": "validate", "config": "…", "version": "v1.14.1"}, one JSON object a line. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "sim/talos/config.h"

static json_t *answer(const json_t *request) {
        _cleanup_sim_config_ struct sim_config *c = NULL;
        _cleanup_error_ struct error err = ERROR_INIT;
        const char *text = jget_text(request, "config"), *version = jget_text(request, "version");
        json_t *reply = json_object();
        bool ok = text && sim_config_load(text, strlen(text), version, &c, &err) >= 0;

        jset(reply, "ok", json_boolean(ok));
        if (!ok)
                jset_str(reply, "error", error_text(&err));
        return reply;
}

int main(void) {
        _cleanup_free_ char *line = NULL;
        size_t size = 0;

        while (getline(&line, &size, stdin) > 0) {
                json_t *request = json_loads(line, JSON_ALLOW_NUL, NULL), *reply = answer(request);
                char *out = json_write(reply);
                puts(out);
                fflush(stdout);
                free(out);
                json_decref(reply);
                json_decref(request);
        }
        return 0;
}
