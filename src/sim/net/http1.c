#include "sim/net/http1.h"

#include <ctype.h>
#include <stdio.h>
#include <strings.h>

#include "base/clock.h"
#include "base/codec.h"

#define DEFAULT_MAX_HEAD (64u << 10)
#define DEFAULT_MAX_BODY (4u << 20)

struct http1_server {
        struct sim_loop *loop;
        struct listener *listener;
        size_t max_head, max_body;
        http1_handler handler;
        void *data;
};

enum http1_state {
        HTTP1_HEAD,
        HTTP1_BODY,
        HTTP1_CHUNK_SIZE,
        HTTP1_CHUNK,
        HTTP1_CHUNK_END,
        HTTP1_TRAILERS,
        HTTP1_ANSWERING,
        HTTP1_OVER
};

struct http1_conn;

struct http1_exchange {
        struct http1_conn *conn;
        char *method, *target, *path;
        const char *query;               /* into target */
        struct kvs headers;
        struct strbuf body;
        bool started;
        bool head_only;                  /* HEAD */
        bool close;                      /* the connection ends after the answer */
        bool http10;
        bool told;                       /* the owner knows that the client left */
        void (*gone)(void *data);
        void *gone_data;
};

struct http1_conn {
        struct http1_server *server;
        struct conn *conn;               /* NULL once it is closed */
        struct strbuf in;
        size_t in_used;
        enum http1_state state;
        size_t body_left;                /* of the body or of the chunk */
        struct http1_exchange *x;        /* while one is read or answered */
        struct ip6_addr addr;
        unsigned busy;
};

/* --- exchanges --- */

static void exchange_free(struct http1_exchange *x) {
        free(x->method);
        free(x->target);
        free(x->path);
        kvs_done(&x->headers);
        strbuf_done(&x->body);
        free(x);
}

/* An exchange whose owner did not ask to be told of the client's leaving stays until it is answered, into the void. */
static bool is_orphan(const struct http1_conn *h) {
        return h->x && h->state == HTTP1_ANSWERING && !h->x->told;
}

static void http1_conn_free_if_idle(struct http1_conn *h) {
        if (h->conn || h->busy || is_orphan(h))
                return;
        if (h->x)
                exchange_free(h->x);
        strbuf_done(&h->in);
        free(h);
}

const char *http1_method(const struct http1_exchange *x) { return x->method; }
const char *http1_target(const struct http1_exchange *x) { return x->target; }
const char *http1_path(const struct http1_exchange *x) { return x->path; }
const char *http1_query(const struct http1_exchange *x) { return x->query; }
const char *http1_header(const struct http1_exchange *x, const char *name) { return kvs_get(&x->headers, name); }
const struct kvs *http1_headers(const struct http1_exchange *x) { return &x->headers; }
const struct ip6_addr *http1_peer_addr(const struct http1_exchange *x) { return &x->conn->addr; }
const struct tls_peer *http1_tls_peer(const struct http1_exchange *x) {
        return x->conn->conn ? conn_tls_peer(x->conn->conn) : NULL;
}
struct sim_loop *http1_loop(const struct http1_exchange *x) { return x->conn->server->loop; }

const char *http1_body(const struct http1_exchange *x, size_t *ret_len) {
        if (ret_len)
                *ret_len = x->body.len;
        return strbuf_str(&x->body);
}

char *http1_param(const struct http1_exchange *x, const char *name, size_t n) {
        for (const char *p = x->query; *p;) {
                size_t len = strcspn(p, "&");
                const char *eq = memchr(p, '=', len);
                size_t name_len = eq ? (size_t) (eq - p) : len;
                _cleanup_str_ char *raw = xstrndup(p, name_len);
                _cleanup_str_ char *decoded = percent_decode(raw);
                if (str_eq(decoded, name) && n-- == 0) {
                        _cleanup_str_ char *value = eq ? xstrndup(eq + 1, len - name_len - 1) : xstrdup("");
                        for (char *q = value; *q; q++)
                                if (*q == '+')
                                        *q = ' ';
                        return percent_decode(value);
                }
                p += len + (p[len] == '&');
        }
        return NULL;
}

void http1_on_gone(struct http1_exchange *x, void (*fn)(void *data), void *data) {
        x->gone = fn;
        x->gone_data = data;
}

/* --- answering --- */

static const struct { int status; const char *reason;
} reasons[] = {
        { 100, "Continue" },
        { 101, "Switching Protocols" },
        { 200, "OK" },
        { 201, "Created" },
        { 202, "Accepted" },
        { 204, "No Content" },
        { 301, "Moved Permanently" },
        { 302, "Found" },
        { 304, "Not Modified" },
        { 307, "Temporary Redirect" },
        { 400, "Bad Request" },
        { 401, "Unauthorized" },
        { 403, "Forbidden" },
        { 404, "Not Found" },
        { 405, "Method Not Allowed" },
        { 406, "Not Acceptable" },
        { 408, "Request Timeout" },
        { 409, "Conflict" },
        { 410, "Gone" },
        { 412, "Precondition Failed" },
        { 413, "Content Too Large" },
        { 415, "Unsupported Media Type" },
        { 422, "Unprocessable Content" },
        { 423, "Locked" },
        { 429, "Too Many Requests" },
        { 431, "Request Header Fields Too Large" },
        { 500, "Internal Server Error" },
        { 501, "Not Implemented" },
        { 502, "Bad Gateway" },
        { 503, "Service Unavailable" },
        { 504, "Gateway Timeout" },
        { 505, "HTTP Version Not Supported" },
};

const char *http1_reason(int status) {
        for (size_t i = 0; i < ARRAY_SIZE(reasons); i++)
                if (reasons[i].status == status)
                        return reasons[i].reason;
        return "Unknown";
}

static bool is_set(const struct kvs *headers, const char *name) {
        for (size_t i = 0; headers && i < headers->n; i++)
                if (strcasecmp(headers->items[i].key, name) == 0)
                        return true;
        return false;
}

static void write_head(struct http1_exchange *x, int status, const struct kvs *headers, const char *framing) {
        _cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
        if (!x->conn->conn)
                return;
        strbuf_addf(&b, "HTTP/1.1 %d %s\r\n", status, http1_reason(status));
        for (size_t i = 0; headers && i < headers->n; i++)
                strbuf_addf(&b, "%s: %s\r\n", headers->items[i].key, headers->items[i].value);
        if (!is_set(headers, "date")) {
                _cleanup_str_ char *date = time_format_http_date(loop_now_ms(x->conn->server->loop));
                strbuf_addf(&b, "Date: %s\r\n", date);
        }
        if (x->close)
                strbuf_adds(&b, "Connection: close\r\n");
        strbuf_addf(&b, "%s\r\n", framing);
        conn_write(x->conn->conn, b.data, b.len);
}

static void write_bytes(struct http1_exchange *x, const void *p, size_t n) {
        if (x->conn->conn)
                conn_write(x->conn->conn, p, n);
}

static void conn_process(struct http1_conn *h);

static void process_later(void *data) {
        conn_process(data);
}

/* The answer is whole: the connection is ready for the next request, or ends. */
static void exchange_done(struct http1_exchange *x) {
        struct http1_conn *h = x->conn;
        bool end = x->close;

        h->x = NULL;
        exchange_free(x);
        h->state = end ? HTTP1_OVER : HTTP1_HEAD;
        if (!h->conn) {
                http1_conn_free_if_idle(h);
                return;
        }
        if (end)
                conn_close(h->conn);
        else if (!h->busy && h->in_used < h->in.len)
                loop_defer(h->server->loop, process_later, h);
}

void http1_respond(struct http1_exchange *x, int status, const struct kvs *headers, const void *body, size_t len) {
        char framing[64] = "";
        bool no_body = status == 204 || status == 304 || status < 200;

        if (!no_body && !is_set(headers, "content-length"))
                snprintf(framing, sizeof(framing), "Content-Length: %zu\r\n", len);
        write_head(x, status, headers, framing);
        if (!no_body && !x->head_only)
                write_bytes(x, body, len);
        exchange_done(x);
}

void http1_start(struct http1_exchange *x, int status, const struct kvs *headers) {
        x->started = true;
        if (x->http10)
                x->close = true;
        write_head(x, status, headers, x->http10 ? "" : "Transfer-Encoding: chunked\r\n");
}

void http1_chunk(struct http1_exchange *x, const void *p, size_t n) {
        char size[32];
        if (n == 0 || x->head_only)
                return;
        snprintf(size, sizeof(size), "%zx\r\n", n);
        if (!x->http10)
                write_bytes(x, size, strlen(size));
        write_bytes(x, p, n);
        if (!x->http10)
                write_bytes(x, "\r\n", 2);
}

size_t http1_pending(const struct http1_exchange *x) { return x->conn->conn ? conn_pending(x->conn->conn) : 0; }

void http1_end(struct http1_exchange *x) {
        if (!x->http10 && !x->head_only)
                write_bytes(x, "0\r\n\r\n", 5);
        exchange_done(x);
}

void http1_drop(struct http1_exchange *x) {
        struct http1_conn *h = x->conn;
        x->gone = NULL;          /* the caller knows */
        x->told = true;
        if (h->conn)
                conn_drop(h->conn);
        else
                http1_conn_free_if_idle(h);
}

void http1_respond_raw(struct http1_exchange *x, const void *p, size_t n) {
        write_bytes(x, p, n);
        x->close = true;
        exchange_done(x);
}

/* --- reading requests --- */

/* The server itself refuses: short text, connection ends. */
static void refuse(struct http1_conn *h, int status) {
        if (!h->x) {
                h->x = xnew0(struct http1_exchange);
                h->x->conn = h;
        }
        h->x->close = true;
        http1_respond(h->x, status, NULL, http1_reason(status), strlen(http1_reason(status)));
}

static bool is_token(const char *s) {
        if (!*s)
                return false;
        for (; *s; s++)
                if (!isalnum((unsigned char) *s) && !strchr("!#$%&'*+-.^_`|~", *s))
                        return false;
        return true;
}

/* 0 or the status to refuse with. */
static int parse_request_line(struct http1_exchange *x, char *line) {
        char *target = strchr(line, ' ');
        char *version = target ? strchr(target + 1, ' ') : NULL;
        if (!version)
                return 400;
        *target++ = '\0';
        *version++ = '\0';
        if (!is_token(line) || (*target != '/' && !str_eq(target, "*")))
                return 400;
        if (!str_eq(version, "HTTP/1.1") && !str_eq(version, "HTTP/1.0"))
                return str_starts(version, "HTTP/") ? 505 : 400;
        x->http10 = str_eq(version, "HTTP/1.0");
        x->close = x->http10;
        x->method = xstrdup(line);
        x->head_only = str_eq(line, "HEAD");
        x->target = xstrdup(target);
        size_t path_len = strcspn(x->target, "?");
        x->path = xstrndup(x->target, path_len);
        x->query = x->target + path_len + (x->target[path_len] == '?');
        return 0;
}

static int parse_header_line(struct http1_exchange *x, char *line) {
        char *value = strchr(line, ':');
        if (!value)
                return 400;
        *value++ = '\0';
        if (!is_token(line))
                return 400;      /* folded lines too */
        for (char *p = line; *p; p++)
                *p = (char) tolower((unsigned char) *p);
        value += strspn(value, " \t");
        for (size_t n = strlen(value); n > 0 && (value[n - 1] == ' ' || value[n - 1] == '\t'); n--)
                value[n - 1] = '\0';
        const char *old = kvs_get(&x->headers, line);
        if (old && (str_eq(line, "content-length") || str_eq(line, "host")))
                return str_eq(old, value) ? 0 : 400;
        _cleanup_str_ char *joined = old ? xasprintf("%s, %s", old, value) : NULL;
        kvs_set(&x->headers, line, joined ? joined : value);
        return 0;
}

static int parse_head(struct http1_exchange *x, char *head) {
        char *rest = head;
        int status = 0;
        for (bool first = true; status == 0 && *rest; first = false) {
                char *end = strstr(rest, "\r\n");
                if (!end)
                        return 400;
                *end = '\0';
                status = first ? parse_request_line(x, rest) : parse_header_line(x, rest);
                rest = end + 2;
        }
        return status;
}

/* Decides how the body comes; 0 or a status. */
static int begin_body(struct http1_conn *h) {
        struct http1_exchange *x = h->x;
        const char *length = http1_header(x, "content-length"), *coding = http1_header(x, "transfer-encoding");
        const char *connection = http1_header(x, "connection"), *expect = http1_header(x, "expect");
        int64_t n = 0;

        if (connection && strcasestr(connection, "close"))
                x->close = true;
        else if (connection && x->http10 && strcasestr(connection, "keep-alive"))
                x->close = false;
        if (coding && (length || strcasecmp(coding, "chunked") != 0))
                return length ? 400 : 501;
        if (length && !parse_int64(length, 0, INT64_MAX, &n))
                return 400;
        if ((uint64_t) n > h->server->max_body)
                return 413;
        if (expect && strcasecmp(expect, "100-continue") == 0 && (coding || n > 0) && h->in_used == h->in.len)
                conn_write(h->conn, "HTTP/1.1 100 Continue\r\n\r\n", 25);
        h->body_left = (size_t) n;
        h->state = coding ? HTTP1_CHUNK_SIZE : HTTP1_BODY;
        return 0;
}

/* RFC 9110, 5.5 and RFC 9112, 2.2: no control characters in a head but tabs and whole line ends. */
static bool has_controls(const char *p, size_t n) {
        for (size_t i = 0; i < n; i++) {
                unsigned char c = (unsigned char) p[i];
                if (c == '\r' && i + 1 < n && p[i + 1] == '\n')
                        i++;
                else if ((c < ' ' && c != '\t') || c == 0x7f)
                        return true;
        }
        return false;
}

/* The next steps return true while there is more to do with what has come. */
static bool read_head(struct http1_conn *h) {
        char *start = h->in.data + h->in_used;
        size_t n = h->in.len - h->in_used;

        while (n >= 2 && start[0] == '\r' && start[1] == '\n') {         /* RFC 9112, 2.2: empty lines before a request */
                start += 2;
                n -= 2;
                h->in_used += 2;
        }
        char *end = memmem(start, n, "\r\n\r\n", 4);
        if (!end || (size_t) (end - start) > h->server->max_head) {
                if (end || n > h->server->max_head + 3)  /* three bytes of its end may be there */
                        refuse(h, 431);
                return false;
        }
        if (has_controls(start, (size_t) (end - start))) {
                refuse(h, 400);
                return false;
        }
        _cleanup_str_ char *head = xstrndup(start, (size_t) (end - start) + 2);
        h->in_used += (size_t) (end - start) + 4;
        h->x = xnew0(struct http1_exchange);
        h->x->conn = h;
        h->x->body.max = h->server->max_body + 1;
        int status = parse_head(h->x, head);
        if (status == 0)
                status = begin_body(h);
        if (status != 0)
                refuse(h, status);
        return status == 0;
}

static bool take_bytes(struct http1_conn *h) {
        size_t n = MIN(h->body_left, h->in.len - h->in_used);
        strbuf_add(&h->x->body, h->in.data + h->in_used, n);
        h->in_used += n;
        h->body_left -= n;
        return h->body_left == 0;
}

/* A line of at most max bytes; a longer one is refused, however it was cut. */
static char *take_line(struct http1_conn *h, size_t max, int status) {
        char *start = h->in.data + h->in_used;
        size_t n = h->in.len - h->in_used;
        char *end = n ? memmem(start, n, "\r\n", 2) : NULL;
        if (end ? (size_t) (end - start) > max : n > max + 1)
                refuse(h, status);
        if (!end || h->state == HTTP1_OVER)
                return NULL;
        h->in_used += (size_t) (end - start) + 2;
        return xstrndup(start, (size_t) (end - start));
}

static bool read_chunk_size(struct http1_conn *h) {
        _cleanup_str_ char *line = take_line(h, 256, 400);
        if (!line)
                return false;
        char *end;
        unsigned long long n = isxdigit((unsigned char) line[0]) ? strtoull(line, &end, 16) : ~0ull;
        if (n > h->server->max_body || h->x->body.len + n > h->server->max_body) {
                refuse(h, isxdigit((unsigned char) line[0]) ? 413 : 400);
                return false;
        }
        h->body_left = (size_t) n;
        h->state = n == 0 ? HTTP1_TRAILERS : HTTP1_CHUNK;
        return true;
}

static bool read_chunk_end(struct http1_conn *h) {
        _cleanup_str_ char *line = take_line(h, 256, 400);
        if (line && *line) {
                refuse(h, 400);
                return false;
        }
        if (line)
                h->state = HTTP1_CHUNK_SIZE;
        return line != NULL;
}

static bool read_trailers(struct http1_conn *h, bool *ret_whole) {
        _cleanup_str_ char *line = take_line(h, h->server->max_head, 431);
        *ret_whole = line && !*line;
        return line && *line;    /* trailers are read and forgotten */
}

/* One step; *ret_whole when the request is complete. Returns true to go on. */
static bool step(struct http1_conn *h, bool *ret_whole) {
        *ret_whole = false;
        switch (h->state) {
        case HTTP1_HEAD:
                return h->in_used < h->in.len && read_head(h);
        case HTTP1_BODY:
                *ret_whole = take_bytes(h);
                return false;
        case HTTP1_CHUNK_SIZE:
                return read_chunk_size(h);
        case HTTP1_CHUNK:
                if (!take_bytes(h))
                        return false;
                h->state = HTTP1_CHUNK_END;
                return true;
        case HTTP1_CHUNK_END:
                return read_chunk_end(h);
        case HTTP1_TRAILERS:
                return read_trailers(h, ret_whole);
        default:
                return false;
        }
}

static void conn_process(struct http1_conn *h) {
        h->busy++;
        while (h->conn) {
                bool whole;
                if (step(h, &whole))
                        continue;
                if (!whole)
                        break;
                h->state = HTTP1_ANSWERING;
                h->server->handler(h->server->data, h->x);
                if (h->state != HTTP1_HEAD)      /* answered later, or the connection ends */
                        break;
        }
        if (h->in_used == h->in.len) {
                strbuf_clear(&h->in);
                h->in_used = 0;
        }
        h->busy--;
        http1_conn_free_if_idle(h);
}

static void on_data(void *data, struct conn *c, const uint8_t *p, size_t n) {
        struct http1_conn *h = data;

        if (h->state == HTTP1_OVER)
                return;
        if (h->in_used > (64u << 10)) {          /* what was read already makes room */
                memmove(h->in.data, h->in.data + h->in_used, h->in.len - h->in_used);
                h->in.len -= h->in_used;
                h->in_used = 0;
        }
        strbuf_add(&h->in, p, n);
        if (strbuf_failed(&h->in)) {             /* a client that sends on and on while it is being answered */
                conn_drop(c);
                return;
        }
        if (h->state != HTTP1_ANSWERING)
                conn_process(h);
}

static void on_close(void *data, struct conn *c) {
        struct http1_conn *h = data;

        h->conn = NULL;
        loop_forget(h->server->loop, h);
        if (h->state == HTTP1_ANSWERING && h->x && h->x->gone) {
                void (*gone)(void *) = h->x->gone;
                h->x->gone = NULL;
                h->x->told = true;
                gone(h->x->gone_data);
        }
        if (!is_orphan(h))
                h->state = HTTP1_OVER;
        http1_conn_free_if_idle(h);
}

static const struct conn_ops http1_ops = { .on_data = on_data, .on_close = on_close };

static void on_connection(void *data, struct conn *c) {
        struct http1_server *s = data;
        struct http1_conn *h = xnew0(struct http1_conn);
        h->server = s;
        h->conn = c;
        h->addr = *conn_peer_addr(c);
        h->in.max = s->max_head + s->max_body + (1u << 20);
        conn_set_ops(c, &http1_ops, h);
}

int http1_server_new(struct sim_loop *l, const struct http1_options *o, struct http1_server **ret, struct error *err) {
        struct http1_server *s = xnew0(struct http1_server);

        s->loop = l;
        s->max_head = o->max_head ? o->max_head : DEFAULT_MAX_HEAD;
        s->max_body = o->max_body ? o->max_body : DEFAULT_MAX_BODY;
        s->handler = o->handler;
        s->data = o->data;
        int r = o->listen_fd > 0 ? listener_new_fd(l, o->listen_fd, o->tls, on_connection, s, &s->listener, err)
                                 : listener_new(l, o->addr, o->port, o->tls, on_connection, s, &s->listener, err);
        if (r < 0) {
                free(s);
                return r;
        }
        *ret = s;
        return 0;
}

void http1_server_free(struct http1_server *s) {
        if (!s)
                return;
        listener_free(s->listener);
        free(s);
}

unsigned http1_server_port(const struct http1_server *s) { return listener_port(s->listener); }
