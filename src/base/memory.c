#include "base/memory.h"

#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

static _Atomic(void (*)(void)) before_end;
static atomic_flag ending = ATOMIC_FLAG_INIT;
static _Thread_local bool ends_here;

void end_without_calls(void (*before)(void)) { atomic_store(&before_end, before); }

static void say(const char *text) {
        ssize_t written = write(STDERR_FILENO, text, strlen(text));
        (void) written;
}

void end_without(const char *what) {
        if (ends_here)
                _exit(1);
        ends_here = true;
        while (atomic_flag_test_and_set(&ending))
                pause();
        void (*before)(void) = atomic_load(&before_end);
        if (before)
                before();
        char line[256];
        size_t n = 0;
        const char *const parts[] = { "error: out of ", what, ": run the same command again when there is more, it goes on from what is there\n" };
        for (size_t i = 0; i < 3; i++)
                for (const char *p = parts[i]; *p && n + 1 < sizeof(line); p++)
                        line[n++] = *p;
        line[n] = '\0';
        say(line);
        _exit(1);
}

static json_malloc_t below;

static void *json_memory(size_t n) {
        void *p = below(n);
        if (!p && n > 0)
                end_without("memory");
        return p;
}

static void set_json(void) {
        json_free_t give_back;
        json_get_alloc_funcs(&below, &give_back);
        json_set_alloc_funcs(json_memory, give_back);
}

void json_needs_memory(void) {
        static pthread_once_t once = PTHREAD_ONCE_INIT;
        pthread_once(&once, set_json);
}
