/* talosconfig: what one context holds is written as a file of its own and read again as the same. */
#include "base/secret.h"
#include "check.h"
#include "talos/talosconfig.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
        struct error err = ERROR_INIT;
        struct talosconfig_context c = { 0 }, again = { 0 };
        if (talosconfig_parse("fuzz", (const char *) p, n, NULL, &c, &err) < 0) {
                CHECK(err.kind == ERR_INVALID || err.kind == ERR_NOT_FOUND);
        } else {
                _cleanup_secret_ char *text = talosconfig_write(&c);
                CHECK(talosconfig_parse("written", text, strlen(text), NULL, &again, &err) >= 0);
                CHECK(str_eq(c.name, again.name) && str_eq(c.ca, again.ca) && str_eq(c.client.key, again.client.key));
                CHECK(c.endpoints.n == again.endpoints.n && c.nodes.n == again.nodes.n);
        }
        talosconfig_context_done(&c);
        talosconfig_context_done(&again);
        error_done(&err);
        if (talosconfig_parse("fuzz", (const char *) p, n, "b", &c, &err) >= 0)
                talosconfig_context_done(&c);
        error_done(&err);
        return 0;
}
