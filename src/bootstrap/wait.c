#include "bootstrap/private.h"

struct wait wait_begin(const struct bootstrap *b, int64_t timeout_ms, int64_t default_ms) {
        struct wait w = { .b = b, .start_ms = clock_mono_ms(b->clock), .share = 40 };

        w.end_ms = w.start_ms + (timeout_ms > 0 ? timeout_ms : default_ms);
        return w;
}

int64_t wait_elapsed(const struct wait *w) { return clock_mono_ms(w->b->clock) - w->start_ms; }

int64_t wait_next_pause(const struct wait *w) { return MAX((int64_t) 100, MIN(wait_elapsed(w) / w->share, 3 * SECOND_MS)); }

int wait_pause(const struct wait *w, struct error *err, const char *fmt, ...) {
        _cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
        _cleanup_str_ char *span = NULL;
        int64_t pause = wait_next_pause(w);
        va_list ap;

        if (w->b->still && w->b->still(w->b->still_data, err) < 0)
                return -1;
        if (clock_mono_ms(w->b->clock) < w->end_ms)
                return clock_sleep(w->b->clock, pause, w->b->cancel, err);
        va_start(ap, fmt);
        strbuf_vaddf(&text, fmt, ap);
        va_end(ap);
        span = time_format_span(w->end_ms - w->start_ms);
        return error_set(err, ERR_TIMEOUT, "gave up after %s: %s", span, strbuf_str(&text));
}

void bootstrap_note(const struct bootstrap *b, const char *fmt, ...) {
        _cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
        va_list ap;

        if (!b->note)
                return;
        va_start(ap, fmt);
        strbuf_vaddf(&text, fmt, ap);
        va_end(ap);
        b->note(b->note_data, strbuf_str(&text));
}

struct talos_client node_secure(const struct bootstrap *b, const struct bootstrap_node *node, int64_t timeout_ms) {
        struct talos_client c = talos_client_secure(b->http, &node->addr, b->talos.ca_pem, b->talos.cert_pem, b->talos.key_pem, b->cancel);
        c.tls.clock_off_ms = b->talos.clock_off_ms;

        c.timeout_ms = timeout_ms;
        return c;
}

bool kube_error_passes(const struct error *err) {
        return err->kind != ERR_CANCELLED && err->kind != ERR_BUG && err->kind != ERR_AUTH && err->kind != ERR_INVALID && err->kind != ERR_TLS;
}
