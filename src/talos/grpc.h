/* gRPC calls over the HTTP engine: unary and server streaming (a client stream whose messages are all known beforehand, too).
 *
 * A call has succeeded only when "grpc-status: 0" was seen: a stream that is cut off looks like a success to HTTP/2 libraries.
 * Sources: the gRPC HTTP/2 protocol description; what libcurl does was measured (docs/design.md, "Talos API"). */
#pragma once

#include "base/http.h"

#define GRPC_MAX_MESSAGE (32u << 20)              /* Talos: constants.GRPCMaxMessageSize */

enum grpc_status {
        GRPC_OK = 0, GRPC_CANCELLED = 1, GRPC_UNKNOWN = 2, GRPC_INVALID_ARGUMENT = 3, GRPC_DEADLINE_EXCEEDED = 4, GRPC_NOT_FOUND = 5,
        GRPC_ALREADY_EXISTS = 6, GRPC_PERMISSION_DENIED = 7, GRPC_RESOURCE_EXHAUSTED = 8, GRPC_FAILED_PRECONDITION = 9,
        GRPC_ABORTED = 10, GRPC_OUT_OF_RANGE = 11, GRPC_UNIMPLEMENTED = 12, GRPC_INTERNAL = 13, GRPC_UNAVAILABLE = 14,
        GRPC_DATA_LOSS = 15, GRPC_UNAUTHENTICATED = 16,
};
const char *grpc_status_name(int status);         /* "FAILED_PRECONDITION"; "status 99" kinds give "UNKNOWN"; never NULL */

struct grpc_call {
        struct http_engine *engine;
        const char *origin;                       /* "https://[2001:db8::1]:50000" */
        const char *method;                       /* "/machine.MachineService/Version" */
        const struct http_tls *tls;               /* borrowed */
        const void *request;                      /* the encoded message; NULL with length 0 is google.protobuf.Empty */
        size_t request_len;
        bool framed;                              /* request holds frames already (grpc_frame_add()): a client stream */
        const char *node;                         /* header "node": a control plane passes the call on to that node; or NULL */
        int64_t timeout_ms;                       /* the call's deadline, sent as grpc-timeout too; 0 = 30 s; negative: none */
        int64_t idle_timeout_ms;                  /* streams: so long without a byte is ERR_TIMEOUT; 0: off */
        size_t max_message;                       /* 0 = GRPC_MAX_MESSAGE */
        bool fresh;                               /* a new connection */
        const struct cancel *cancel;
};

/* One request, one answer; ret_message gets the encoded answer (initialise with STRBUF_INIT, done by the caller).
 * Errors: by grpc-status (err->grpc_status, err->api_code its name):
 *   CANCELLED, UNAVAILABLE -> ERR_UNAVAILABLE (ambiguous); DEADLINE_EXCEEDED -> ERR_TIMEOUT (ambiguous); INVALID_ARGUMENT,
 *   OUT_OF_RANGE -> ERR_INVALID; NOT_FOUND; ALREADY_EXISTS -> ERR_EXISTS; PERMISSION_DENIED, UNAUTHENTICATED -> ERR_AUTH;
 *   RESOURCE_EXHAUSTED -> ERR_RATE_LIMITED; FAILED_PRECONDITION -> ERR_REFUSED, retryable ("not yet"); ABORTED -> ERR_CONFLICT;
 *   UNKNOWN, UNIMPLEMENTED, INTERNAL -> ERR_REFUSED; DATA_LOSS -> ERR_PROTOCOL.
 * Without any grpc-status err->grpc_status is -1: transport errors of http_perform(); ERR_UNAVAILABLE (ambiguous) when the stream
 * ended without one; by HTTP status, ERR_AUTH, ERR_REFUSED, ERR_UNAVAILABLE or ERR_PROTOCOL, when the peer does not speak gRPC. */
int grpc_unary(const struct grpc_call *call, struct strbuf *ret_message, struct error *err);

/* Called for each message as it arrives, on the engine's I/O thread: it must not block nor perform requests. 0 goes on, positive
 * ends the stream (the call then succeeds), negative with err fails it. */
typedef int (*grpc_message_fn)(void *arg, const void *p, size_t n, struct error *err);
int grpc_server_stream(const struct grpc_call *call, grpc_message_fn fn, void *arg, struct error *err);

/* Appends one frame (flag 0, length, message). */
void grpc_frame_add(struct strbuf *b, const void *p, size_t n);

/* Puts frames together again from pieces split anywhere, inside the 5-byte prefix too. */
struct grpc_frames {
        uint8_t head[5];
        size_t head_len;
        struct strbuf message;
        size_t want;                              /* length of the message under way */
        size_t max;                               /* 0 = GRPC_MAX_MESSAGE */
        size_t count;                             /* whole messages so far */
};
void grpc_frames_done(struct grpc_frames *f);
/* Feeds bytes; fn is called for each whole message. 0; positive when fn said enough; negative with ERR_PROTOCOL (compressed, too
 * big) or fn's error. */
int grpc_frames_feed(struct grpc_frames *f, const void *p, size_t n, grpc_message_fn fn, void *arg, struct error *err);
/* True when a frame has begun and is not whole. */
bool grpc_frames_partial(const struct grpc_frames *f);
