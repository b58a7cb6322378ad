/* Answers that are none: empty, in drips, without an end, or not there at all; and connections that end in their handshake. For the HTTP and TLS
 * servers of the simulated cloud. */
#pragma once

#include "sim/net/cert.h"
#include "sim/net/http1.h"
#include "sim/world/faults.h"

enum sim_spoil {
        SPOIL_NOT,
        SPOIL_EMPTY,             /* the status, and no byte of a body */
        SPOIL_CLOSE,             /* the connection ends in order, without an answer */
        SPOIL_SILENT,            /* nothing, and the connection stays */
        SPOIL_DRIP,              /* the head, then a blank five times a second for ever */
        SPOIL_ENDLESS,           /* the head, then bytes as fast as they are taken, for ever */
        SPOIL_HTML,              /* status 502 with a page of HTML */
        SPOIL_HALF,              /* half of the body, then the end of the connection */
};

/* Which of the faults PREFIX-empty, PREFIX-close, PREFIX-silent, … strikes an answer whose work is done; prefix "" for the Hetzner API, which has
 * its own html and truncated. SPOIL_NOT: none. */
enum sim_spoil sim_spoil_hit(struct sim_world *w, const char *prefix, const struct kv *facts, size_t n);
/* Answers so; x is invalid afterwards, or when the client leaves. how must not be SPOIL_NOT. */
void sim_spoil_answer(struct http1_exchange *x, enum sim_spoil how, int status, const char *body, size_t len);

/* The certificates and contexts of one server's broken handshakes. */
struct sim_tls_spoil { struct cert_pair ca; struct tls_server *refusing, *stranger; };
void sim_tls_spoil_done(struct sim_tls_spoil *s);
/* The context in whose name the next connection is answered, where a fault strikes (tls-alert: the client's certificate is refused; stranger: the
 * server's is somebody else's), or NULL. proper: how the server answers else. Borrowed. */
struct tls_server *sim_tls_spoiled(struct sim_tls_spoil *s, struct sim_world *w, const char *part, const char *name,
                                   const struct tls_options *proper, const struct ip6_addr *addr);
