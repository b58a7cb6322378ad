#include "cli/progress.h"

#include <pthread.h>
#include <stdio.h>
#include <time.h>

#include "base/json.h"
#include "cli/term.h"

#define FRAME_MS 100

/* One line of the moving display: a resource or node, with what happens to it now. */
struct row {
        char *name;
        char *doing;               /* "create server", and the note after it */
        enum step_state state;
        int64_t since_ms;          /* start of what happens now */
        unsigned running;          /* steps of this row under way */
        bool failed;
};

struct progress {
        enum progress_style style;
        struct clock *clock;
        pthread_mutex_t lock;
        pthread_cond_t stop;
        pthread_t ticker;
        bool ticking, stopping, held;
        struct row *rows;
        size_t n_rows;
        unsigned drawn;            /* lines now on the screen */
        unsigned frame;
        int64_t start_ms;
        size_t done, total;
};

static struct row *row_get(struct progress *p, const char *name) {
        struct row fresh = { 0 };

        for (size_t i = 0; i < p->n_rows; i++)
                if (str_eq(p->rows[i].name, name))
                        return &p->rows[i];
        fresh.name = xstrdup(name);
        ARRAY_APPEND(p->rows, p->n_rows, fresh);
        return &p->rows[p->n_rows - 1];
}

static const char *mark_of(const struct progress *p, const struct row *r) {
        static const char *const spinner_utf8[] = { "⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏" };
        static const char *const spinner_ascii[] = { "|", "/", "-", "\\" };
        bool utf8 = term_has_utf8();

        if (r->failed)
                return utf8 ? "✗" : "x";
        if (r->running > 0)
                return utf8 ? spinner_utf8[p->frame % ARRAY_SIZE(spinner_utf8)] : spinner_ascii[p->frame % ARRAY_SIZE(spinner_ascii)];
        return utf8 ? "✓" : "*";
}

static void draw_row(struct progress *p, const struct row *r, unsigned width, int name_width) {
        _cleanup_str_ char *doing = term_clean(r->doing), *span = NULL;
        enum colour c = r->failed ? COLOUR_RED : r->running ? COLOUR_CYAN : COLOUR_GREEN;
        int room;

        span = r->running ? time_format_span(clock_mono_ms(p->clock) - r->since_ms) : xstrdup("");
        room = (int) width - name_width - (int) strlen(span) - 5;      /* 5: the mark and the blanks */
        fprintf(stderr, "\033[2K%s%s%s %-*.*s  %.*s %s%s%s\n", term_on(stderr, c), mark_of(p, r), term_off(stderr), name_width, name_width, r->name,
                room > 0 ? room : 0, doing, term_on(stderr, COLOUR_DIM), span, term_off(stderr));
        p->drawn++;
}

/* With the lock held. What runs or failed is shown first when not everything fits. */
static void draw(struct progress *p) {
        unsigned width = term_width(stderr), height = term_height(stderr), hidden = 0;
        _cleanup_str_ char *last = NULL;
        int name_width = 0;
        bool all;

        if (p->held)
                return;
        /* Without wrapping, one row is one line whatever is in it: the cursor must find its way back up. */
        term_wrap(stderr, false);
        if (p->drawn > 0)
                fprintf(stderr, "\033[%uA", p->drawn);
        p->drawn = 0;
        all = p->n_rows + 2 < height;
        for (size_t i = 0; i < p->n_rows; i++)
                name_width = MAX(name_width, (int) strlen(p->rows[i].name));
        name_width = MIN(name_width, (int) width / 3);
        for (size_t i = 0; i < p->n_rows; i++) {
                const struct row *r = &p->rows[i];
                if ((all || r->running || r->failed) && p->drawn + 3 < height)
                        draw_row(p, r, width, name_width);
                else
                        hidden++;
        }
        last = hidden ? xasprintf("%zu of %zu steps, %u lines not shown", p->done, p->total, hidden) : xasprintf("%zu of %zu steps", p->done, p->total);
        fprintf(stderr, "\033[2K%s%.*s%s\n\033[J", term_on(stderr, COLOUR_DIM), (int) width, last, term_off(stderr));
        term_wrap(stderr, true);
        p->drawn++;
        fflush(stderr);
}

static void *tick(void *data) {
        struct progress *p = data;

        pthread_mutex_lock(&p->lock);
        while (!p->stopping) {
                struct timespec until;

                clock_gettime(CLOCK_REALTIME, &until);
                until.tv_nsec += FRAME_MS * 1000000L;
                until.tv_sec += until.tv_nsec / 1000000000L;
                until.tv_nsec %= 1000000000L;
                pthread_cond_timedwait(&p->stop, &p->lock, &until);
                p->frame++;
                if (p->n_rows > 0 && !p->stopping)
                        draw(p);
        }
        pthread_mutex_unlock(&p->lock);
        return NULL;
}

struct progress *progress_new(bool json, struct clock *clock) {
        struct progress *p = xnew0(struct progress);

        p->style = json ? PROGRESS_JSON : term_is_live(stderr) ? PROGRESS_LIVE : PROGRESS_LINES;
        p->clock = clock;
        p->start_ms = clock_mono_ms(clock);
        pthread_mutex_init(&p->lock, NULL);
        pthread_cond_init(&p->stop, NULL);
        return p;
}

void progress_stop(struct progress *p) {
        if (!p->ticking)
                return;
        pthread_mutex_lock(&p->lock);
        p->stopping = true;
        pthread_cond_signal(&p->stop);
        pthread_mutex_unlock(&p->lock);
        pthread_join(p->ticker, NULL);
        p->ticking = false;
        if (p->n_rows > 0)
                draw(p);
}

void progress_free(struct progress *p) {
        if (!p)
                return;
        progress_stop(p);
        for (size_t i = 0; i < p->n_rows; i++) {
                free(p->rows[i].name);
                free(p->rows[i].doing);
        }
        free(p->rows);
        pthread_cond_destroy(&p->stop);
        pthread_mutex_destroy(&p->lock);
        free(p);
}

static void set_doing(struct row *r, const struct plan_step *s, const char *note) {
        free(r->doing);
        r->doing = note ? xasprintf("%s %s: %s", step_verb(s), step_kind(s), note) : xasprintf("%s %s", step_verb(s), step_kind(s));
}

static void live_event(struct progress *p, const struct plan_event *e) {
        struct row *r = row_get(p, step_row(e->step));

        switch (e->state) {
        case STEP_RUNNING:
                if (!e->note) {
                        r->running++;
                        r->since_ms = clock_mono_ms(p->clock);
                }
                set_doing(r, e->step, e->note);
                break;
        case STEP_DONE:
                r->running -= r->running > 0;
                if (r->running == 0)
                        set_doing(r, e->step, "done");
                break;
        case STEP_FAILED:
                r->running -= r->running > 0;
                r->failed = true;
                set_doing(r, e->step, error_text(step_error(e->step)));
                break;
        default:
                break;
        }
}

/* A wait says the same thing at every look, and a step may begin by saying what its detail said already; a log needs it once. */
static bool is_repeated(struct progress *p, const struct plan_event *e) {
        struct row *r = row_get(p, step_row(e->step));
        const char *said = e->note ? e->note : e->state == STEP_RUNNING ? step_detail(e->step) : NULL;
        bool repeated = e->note && str_eq(r->doing, e->note);

        free(r->doing);
        r->doing = xstrdup(said);
        return repeated;
}

static void line_event(struct progress *p, const struct plan_event *e) {
        _cleanup_str_ char *note = e->note ? term_clean(e->note) : NULL, *span = NULL;
        int64_t start, end;
        time_t now = (time_t) (clock_now_ms(p->clock) / 1000);
        struct tm tm;
        char at[16];

        if (e->state == STEP_SKIPPED)
                return;
        localtime_r(&now, &tm);
        strftime(at, sizeof(at), "%H:%M:%S", &tm);
        step_times(e->step, &start, &end);
        fprintf(stderr, "%s %s %s %s: ", at, step_verb(e->step), step_kind(e->step), step_name(e->step));
        if (e->note) {
                fprintf(stderr, "%s\n", note);
        } else if (e->state == STEP_DONE) {
                span = time_format_span(end - start);
                fprintf(stderr, "done in %s\n", span);
        } else if (e->state == STEP_FAILED) {
                note = term_clean(error_text(step_error(e->step)));
                fprintf(stderr, "failed: %s\n", note);
        } else {
                fprintf(stderr, "%s\n", str_empty(step_detail(e->step)) ? "begins" : step_detail(e->step));
        }
}

static void print_json(struct progress *p, json_t *o) {
        _cleanup_str_ char *at = time_format_rfc3339(clock_now_ms(p->clock)), *text = NULL;

        json_object_set_new(o, "time", json_string(at));
        text = json_write(o);
        printf("%s\n", text);
        fflush(stdout);
        json_decref(o);
}

static void json_event(struct progress *p, const struct plan_event *e) {
        json_t *o = json_object();

        json_object_set_new(o, "event", json_string(e->note ? "note" : "step"));
        json_object_set_new(o, "verb", json_string(step_verb(e->step)));
        json_object_set_new(o, "kind", json_string(step_kind(e->step)));
        json_object_set_new(o, "name", json_string(step_name(e->step)));
        json_object_set_new(o, "state", json_string(step_state_name(e->state)));
        json_object_set_new(o, "at_ms", json_integer(e->at_ms));
        jset_str(o, "note", e->note);
        if (!e->note && e->state == STEP_RUNNING && !str_empty(step_detail(e->step)))
                jset_str(o, "detail", step_detail(e->step));
        if (e->state == STEP_FAILED)
                jset_str(o, "error", error_text(step_error(e->step)));
        print_json(p, o);
}

static void on_event(void *data, const struct plan *plan, const struct plan_event *e) {
        struct progress *p = data;

        pthread_mutex_lock(&p->lock);
        p->total = plan_to_run(plan);
        p->done += !e->note && (e->state == STEP_DONE || e->state == STEP_FAILED || e->state == STEP_SKIPPED);
        if (p->style == PROGRESS_LIVE)
                live_event(p, e);
        else if (is_repeated(p, e))
                ;
        else if (p->style == PROGRESS_LINES)
                line_event(p, e);
        else
                json_event(p, e);
        pthread_mutex_unlock(&p->lock);
}

struct plan_observer progress_observer(struct progress *p) {
        if (p->style == PROGRESS_LIVE && !p->ticking)
                p->ticking = pthread_create(&p->ticker, NULL, tick, p) == 0;
        return (struct plan_observer) { .event = on_event, .data = p };
}

static void say_line(const char *level, const char *text) {
        enum colour c = str_eq(level, "warning") ? COLOUR_YELLOW : COLOUR_NONE;
        _cleanup_str_ char *clean = term_clean(text);

        if (str_eq(level, "info"))
                fprintf(stderr, "%s\n", clean);
        else
                fprintf(stderr, "%s%s:%s %s\n", term_on(stderr, c), level, term_off(stderr), clean);
}

/* With the lock held: takes the moving lines off the screen. */
static void erase(struct progress *p) {
        if (p->drawn > 0)
                fprintf(stderr, "\033[%uA\033[J", p->drawn);
        p->drawn = 0;
}

void progress_hold(struct progress *p, bool held) {
        pthread_mutex_lock(&p->lock);
        if (held)
                erase(p);
        p->held = held;
        pthread_mutex_unlock(&p->lock);
}

void progress_say(struct progress *p, const char *level, const char *text) {
        pthread_mutex_lock(&p->lock);
        if (p->style == PROGRESS_JSON) {
                json_t *o = json_object();
                json_object_set_new(o, "event", json_string("message"));
                json_object_set_new(o, "level", json_string(level));
                json_object_set_new(o, "text", json_string(text));
                print_json(p, o);
        } else {
                erase(p);
                say_line(level, text);
                if (p->ticking)
                        draw(p);
        }
        pthread_mutex_unlock(&p->lock);
}
