#include "hcloud/request.h"

#include "base/json.h"
#include "base/secret.h"

#define MAX_ANSWER (32u << 20)
#define MAX_RATE_WAIT_MS (15 * 60000)   /* in one call */

void attempts_start(struct hcloud_client *c, struct attempts *a) {
        *a = (struct attempts) { .deadline_ms = clock_mono_ms(c->clock) + MAX(c->budget_ms, (int64_t) 0) };
}

/* xorshift64*: jitter needs no secrecy, but tests need it repeatable. */
static uint32_t jitter(struct hcloud_client *c) {
        pthread_mutex_lock(&c->lock);
        uint64_t x = c->jitter_state ? c->jitter_state : 1;
        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        c->jitter_state = x;
        pthread_mutex_unlock(&c->lock);
        return (uint32_t) ((x * 0x2545f4914f6cdd1dULL) >> 32);
}

/* The bucket holds rate_limit tokens and refills evenly over an hour, one a second by default; RateLimit-Reset is when it is full
 * again, which nobody needs. Callers that met 429 queue up for one token each. (hcloud API: "Rate Limiting") */
static int64_t rate_wait_ms(struct hcloud_client *c) {
        int64_t now = clock_mono_ms(c->clock);
        pthread_mutex_lock(&c->lock);
        int64_t interval = c->stats.rate_limit > 0 ? MAX(3600000 / c->stats.rate_limit, (int64_t) 1) : 1000;
        int64_t slot = MAX(c->rate_slot_ms, now) + MAX(interval, (int64_t) 1000);
        c->rate_slot_ms = slot;
        pthread_mutex_unlock(&c->lock);
        return slot - now;
}

/* How long to wait before the next try, or -1 when there is none. */
static int64_t next_wait(struct hcloud_client *c, const struct retry_rule *rule, struct attempts *a) {
        if (c->budget_ms < 0 || (rule->max_tries && a->n >= rule->max_tries))
                return -1;
        if (rule->retry == RETRY_RATE) {
                int64_t wait = rate_wait_ms(c);
                if (a->rate_waited_ms + wait > MAX_RATE_WAIT_MS)
                        return -1;
                a->rate_waited_ms += wait;
                a->deadline_ms += wait;
                return wait;
        }
        int64_t wait = retry_wait_ms(rule, a->n, jitter(c));
        return clock_mono_ms(c->clock) + wait < a->deadline_ms ? wait : -1;
}

int api_wait_lost(struct hcloud_client *c, struct attempts *a, struct error *failure, struct error *err) {
        static const struct retry_rule rule = { .kind = ERR_UNAVAILABLE, .retry = RETRY_UNSURE, .max_tries = 12, .cap_ms = 16000 };
        int64_t wait = next_wait(c, &rule, a);
        if (wait < 0)
                return error_move(err, failure);
        return clock_sleep(c->clock, wait, c->cancel, err);
}

static bool listed(const char *const *codes, const char *code) {
        for (; codes && code && *codes; codes++)
                if (strcmp(*codes, code) == 0)
                        return true;
        return false;
}

/* "name: is too long, must be …" from details.fields, which may be missing or null. */
static char *field_messages(const json_t *details) {
        _cleanup_strbuf_ struct strbuf text = STRBUF_MAX(2000);
        const json_t *fields = jget(details, "fields"), *field;
        size_t i, k;
        json_array_foreach((json_t *) fields, i, field) {
                const char *name = jget_text(field, "name");
                strbuf_addf(&text, "; %s", name ? name : "?");
                const json_t *messages = jget(field, "messages"), *message;
                json_array_foreach((json_t *) messages, k, message)
                        if (json_is_string(message))
                                strbuf_addf(&text, "%s%s", k ? ", " : ": ", json_string_value(message));
        }
        const json_t *limits = jget(details, "limits"), *limit;
        json_array_foreach((json_t *) limits, i, limit)
                if (jget_text(limit, "name"))
                        strbuf_addf(&text, "; limit: %s", jget_text(limit, "name"));
        const char *announcement = jget_text(details, "announcement");
        if (announcement)
                strbuf_addf(&text, "; see %s", announcement);
        return xstrdup(strbuf_str(&text));
}

/* Control characters of a foreign text must not reach a terminal. */
static char *printable(const char *text) {
        char *copy = xstrdup(text);
        for (char *p = copy; *p; p++)
                if ((unsigned char) *p < 0x20 || *p == 0x7f)
                        *p = ' ';
        return copy;
}

/* A word of the other side that is shown beside the message. */
static char *short_word(const char *text) {
        char *copy = xstrndup(text, 128);
        return copy ? str_one_line(copy) : NULL;
}

static void advise(struct error *err) {
        if (err->kind == ERR_AUTH && str_eq(err->api_code, "token_readonly"))
                error_hint(err, "make a token with Read & Write in the Cloud Console: project, Security, API tokens");
        else if (err->kind == ERR_AUTH)
                error_hint(err, "make a token in the Cloud Console: project, Security, API tokens, Read & Write");
        else if (err->kind == ERR_QUOTA)
                error_hint(err, "limits are raised on request in the Cloud Console: Limits, Request change");
}

/* Fills err from an answer that says no; gives the rule by which it is (or is not) tried again. */
static const struct retry_rule *read_refusal(const struct http_response *response, struct error *err) {
        const struct retry_rule *rule;
        _cleanup_json_ json_t *json = NULL;
        if (json_parse("error answer", strbuf_str(&response->body), response->body.len, &json, NULL) < 0)
                json = NULL;
        const json_t *error = jget(json, "error");
        const char *code = jget_text(error, "code"), *message = jget_text(error, "message");
        if (code) {
                rule = retry_rule_for(code, response->status);
                _cleanup_str_ char *fields = field_messages(jget(error, "details"));
                _cleanup_str_ char *text = xasprintf("%s (%s)%s", str_empty(message) ? "refused" : message, code, fields);
                _cleanup_str_ char *clean = printable(text);
                error_set(err, rule->kind, "%s", clean);
                err->api_code = short_word(code);
                const json_t *details = jget(error, "details");
                if (details)
                        err->details = json_write(details);
        } else {
                rule = retry_rule_for(NULL, response->status);
                const char *type = kvs_get(&response->headers, "content-type");
                /* Not the API, then: its 404 has a code. A wrong endpoint or a proxy's page. */
                error_set(err, response->status == 404 || response->status < 400 ? ERR_PROTOCOL : rule->kind,
                          "HTTP %d without the API's error text (%s, %zu bytes)", response->status,
                          type ? type : "no content type", response->body.len);
        }
        err->http_status = response->status;
        err->retryable = rule->retry != RETRY_NO || rule->kind == ERR_LOCKED;
        err->correlation_id = short_word(kvs_get(&response->headers, "x-correlation-id"));
        if (rule->retry == RETRY_UNSURE)
                err->ambiguous = true;
        advise(err);
        return rule;
}

static void note_number(const struct http_response *response, const char *name, int64_t *at) {
        int64_t value;
        const char *text = kvs_get(&response->headers, name);
        if (text && parse_int64(text, 0, INT64_MAX, &value))
                *at = value;
}

static void note_answer(struct hcloud_client *c, const struct api_request *q, const struct http_response *response,
                        unsigned attempt) {
        struct hcloud_client_stats *s = &c->stats;
        pthread_mutex_lock(&c->lock);
        s->requests++;
        if (strcmp(q->method, "GET") != 0)
                s->writes++;
        else
                s->reads++;
        s->polls += q->poll;
        s->retries += attempt > 1;
        s->rate_limited += response->status == 429;
        s->failed += response->status == 0 || response->status >= 500;
        if (response->status > 0) {
                c->answered = true;
                note_number(response, "ratelimit-limit", &s->rate_limit);
                note_number(response, "ratelimit-remaining", &s->rate_remaining);
                note_number(response, "ratelimit-reset", &s->rate_reset);
                const char *date = kvs_get(&response->headers, "date");
                if (date && time_parse_http_date(date, &c->date_ms))
                        c->date_mono_ms = clock_mono_ms(c->clock);
        }
        pthread_mutex_unlock(&c->lock);
}

static void observe(struct hcloud_client *c, const struct api_request *q, const struct http_response *response,
                    const struct error *failure, unsigned attempt, int64_t wait_ms) {
        if (!c->observer)
                return;
        int64_t remaining;
        pthread_mutex_lock(&c->lock);
        remaining = c->stats.rate_remaining;
        pthread_mutex_unlock(&c->lock);
        const struct hcloud_exchange exchange = {
                .method = q->method,
                .path = q->path,
                .status = response->status,
                .api_code = failure->api_code,
                .correlation_id = kvs_get(&response->headers, "x-correlation-id"),
                .duration_ms = response->duration_ms,
                .attempt = attempt,
                .wait_ms = wait_ms,
                .rate_remaining = remaining,
        };
        c->observer(c->observer_data, &exchange);
}

static int perform(struct hcloud_client *c, const struct api_request *q, const char *body, struct http_response *response,
                   struct error *err) {
        _cleanup_str_ char *url = xasprintf("%s%s", c->endpoint, q->path);
        _cleanup_kvs_ struct kvs headers = { 0 };
        kvs_set(&headers, "Authorization", c->authorization);
        kvs_set(&headers, "User-Agent", c->user_agent);
        kvs_set(&headers, "Accept", "application/json");
        if (body)
                kvs_set(&headers, "Content-Type", "application/json");
        const struct http_request request = {
                .method = q->method,
                .url = url,
                .headers = &headers,
                .body = body,
                .body_len = body ? strlen(body) : 0,
                .timeout_ms = c->timeout_ms,
                .connect_timeout_ms = c->connect_timeout_ms,
                .max_body = MAX_ANSWER,
                .use_proxy = c->use_proxy,
                .secret = c->token,
                .cancel = c->cancel,
        };
        int r = http_perform(c->engine, &request, response, err);
        for (size_t i = 0; i < headers.n; i++)
                if (strcmp(headers.items[i].key, "Authorization") == 0)
                        secret_wipe(headers.items[i].value, strlen(headers.items[i].value));
        return r;
}

/* One request. NULL: it succeeded; else the rule for what happened, with failure filled. */
static const struct retry_rule *try_once(struct hcloud_client *c, const struct api_request *q, const char *body, unsigned attempt,
                                         struct http_response *response, json_t **ret_json, struct error *failure) {
        pthread_mutex_lock(&c->lock);
        bool answered = c->answered;
        pthread_mutex_unlock(&c->lock);
        int r = perform(c, q, body, response, failure);
        if (r < 0 && failure->kind == ERR_CANCELLED)
                return retry_rule_transport(failure, answered);
        note_answer(c, q, response, attempt);
        if (r < 0) {
                const struct retry_rule *rule = retry_rule_transport(failure, answered);
                failure->retryable = rule->retry != RETRY_NO;
                return rule;
        }
        if (response->status < 200 || response->status > 299)
                return read_refusal(response, failure);
        if (response->status == 204)             /* the one success without a body (hcloud API: DELETE) */
                return NULL;
        if (json_parse("answer", strbuf_str(&response->body), response->body.len, ret_json, failure) < 0) {
                const struct retry_rule *rule = retry_rule_for(NULL, response->status);
                failure->http_status = response->status;
                failure->retryable = failure->ambiguous = true;
                return rule;
        }
        return NULL;
}

static bool may_repeat(const struct retry_rule *rule, const struct api_request *q, const struct error *failure) {
        if (listed(q->also_retry, failure->api_code))
                return true;
        if (rule->retry == RETRY_UNSURE)
                return !q->once || !failure->ambiguous;
        return rule->retry != RETRY_NO;
}

int api_call(struct hcloud_client *c, const struct api_request *q, struct attempts *attempts, json_t **ret_json,
             struct error *err) {
        struct attempts own;
        _cleanup_secret_ char *body = q->body ? json_write(q->body) : NULL;
        if (!attempts) {
                attempts_start(c, &own);
                attempts = &own;
        }
        for (unsigned attempt = 1;; attempt++) {
                _cleanup_http_response_ struct http_response response = { 0 };
                _cleanup_error_ struct error failure = ERROR_INIT;
                _cleanup_json_ json_t *json = NULL;
                int64_t wait_ms = -1;
                int r = cancel_check(c->cancel, err);
                if (r >= 0 && c->guard && strcmp(q->method, "GET") != 0)
                        r = c->guard(c->guard_data, err);
                if (r < 0)
                        return r;
                attempts->n++;
                const struct retry_rule *rule = try_once(c, q, body, attempt, &response, &json, &failure);
                if (rule && may_repeat(rule, q, &failure))
                        wait_ms = next_wait(c, rule, attempts);
                observe(c, q, &response, &failure, attempt, wait_ms);
                if (!rule) {
                        if (ret_json)
                                *ret_json = TAKE(json);
                        return 0;
                }
                if (wait_ms < 0)
                        return error_move(err, &failure);
                r = clock_sleep(c->clock, wait_ms, c->cancel, err);
                if (r < 0)
                        return r;
        }
}
