/* Loaded into hcloud-v6 with LD_PRELOAD: somebody sets its clock, or time passes that nobody noticed.
 *
 *   FAULT_JUMP=S@N       from its N-th request on the date (CLOCK_REALTIME) is off by S seconds
 *   FAULT_LATER=S@N      from its N-th request on what measures time (CLOCK_MONOTONIC) is S seconds further: what waits has waited that long
 *   FAULT_WHERE=TEXT     of the requests only those count that have this text in their URL
 *
 * The world around it keeps its own time. */
#include <curl/curl.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

struct jump { long seconds, at; };
static struct jump date, later;
static char where[100];
static _Atomic long requests;

static struct jump read_jump(const char *name) {
        struct jump j = { .at = -1 };
        const char *text = getenv(name);
        if (text)
                (void) sscanf(text, "%ld@%ld", &j.seconds, &j.at);
        unsetenv(name);
        return j;
}

__attribute__((constructor)) static void begin(void) {
        const char *text = getenv("FAULT_WHERE");
        date = read_jump("FAULT_JUMP");
        later = read_jump("FAULT_LATER");
        snprintf(where, sizeof(where), "%s", text ? text : "");
        unsetenv("FAULT_WHERE");
        unsetenv("LD_PRELOAD");
}

static void *next(const char *name) {
        void *f = dlsym(RTLD_NEXT, name);
        if (!f)
                abort();
        return f;
}

static long offset_s(const struct jump *j) {
        return j->at >= 0 && requests >= j->at ? j->seconds : 0;
}

int clock_gettime(clockid_t id, struct timespec *t) {
        if (syscall(SYS_clock_gettime, id, t) < 0)
                return -1;
        if (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)
                t->tv_sec += offset_s(&date);
        if (id == CLOCK_MONOTONIC || id == CLOCK_MONOTONIC_RAW || id == CLOCK_MONOTONIC_COARSE)
                t->tv_sec += offset_s(&later);
        return 0;
}

time_t time(time_t *ret) {
        struct timespec t;
        clock_gettime(CLOCK_REALTIME, &t);
        if (ret)
                *ret = t.tv_sec;
        return t.tv_sec;
}

int gettimeofday(struct timeval *t, void *zone) {
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        *t = (struct timeval) { .tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000 };
        return 0;
}

/* Deadlines by the date stay where they were: the kernel's clock has not been moved. */
int pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *deadline) {
        int (*real)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *) = dlvsym(RTLD_NEXT, "pthread_cond_timedwait", "GLIBC_2.3.2");
        if (!real)
                real = next("pthread_cond_timedwait");
        const struct timespec moved = { .tv_sec = deadline->tv_sec - offset_s(&date), .tv_nsec = deadline->tv_nsec };
        return real(condition, mutex, &moved);
}

CURLMcode curl_multi_add_handle(CURLM *multi, CURL *easy) {
        CURLMcode (*real)(CURLM *, CURL *) = next("curl_multi_add_handle");
        requests += !*where;
        return real(multi, easy);
}

/* libcurl knows the URL of a handle only while it works on it: it is looked at when it is set. */
#undef curl_easy_setopt
CURLcode curl_easy_setopt(CURL *easy, CURLoption option, ...) {
        CURLcode (*real)(CURL *, CURLoption, ...) = next("curl_easy_setopt");
        va_list words;
        va_start(words, option);
        void *value = va_arg(words, void *);     /* every option's value is as wide as a pointer where this is built */
        va_end(words);
        if (option == CURLOPT_URL && *where && value && strstr(value, where))
                requests++;
        return real(easy, option, value);
}
