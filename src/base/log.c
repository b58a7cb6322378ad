#include "base/log.h"

#include "base/strbuf.h"

static log_sink the_sink;
static void *the_data;

void log_set_sink(log_sink sink, void *data) {
        the_sink = sink;
        the_data = data;
}

bool log_enabled(void) {
        return the_sink != NULL;
}

void log_debug_(const char *module, const char *fmt, ...) {
        if (!the_sink)
                return;
        _cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
        va_list ap;
        va_start(ap, fmt);
        strbuf_vaddf(&b, fmt, ap);
        va_end(ap);
        the_sink(the_data, module, strbuf_str(&b));
}
