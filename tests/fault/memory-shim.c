/* Loaded into hcloud-v6 with LD_PRELOAD: numbers what the program and its libraries ask of the C library's heap, of mmap() and of pthread_create(), and refuses one.
 *
 *   MEMORY_LOG=FILE     a line for each place, when it asks first: "place HASH NUMBER KIND SIZE FRAMES"; and "refused …" for what was refused
 *   MEMORY_PLACE=HASH   refuses the first that is asked for there
 *   MEMORY_NUMBER=N     refuses the N-th of all
 *   MEMORY_FOR_GOOD=1   and everything after it
 *
 * A place is the nearest DEPTH callers, each by module and offset, so that a run with other addresses has the same. The program's malloc (src/cli/memory.c) calls
 * __libc_malloc(): that is where this stands, so the program under test is the shipped one, and sees the refusal as the C library would give it. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <unwind.h>

#define DEPTH 3                 /* callers that make a place: which line, for whom */
#define ABOVE 3                 /* frames of our own; one more where the program's malloc stands between */
#define PLACES 65536

struct place { uint64_t hash; size_t n; void *frames[DEPTH]; };

static atomic_uint_fast64_t known[PLACES];
static atomic_long number;
static atomic_bool refusing;
static uint64_t chosen_place;
static long chosen_number;
static bool for_good, places_wanted;
static int log_fd = -1;
static _Thread_local bool inside;

/* At the first allocation, which some library's constructor makes. The children of the program are not asked about, therefore the environment is cleared of us. */
static void begin(void) {
        static bool begun;
        if (begun)
                return;
        begun = true;
        const char *place = getenv("MEMORY_PLACE"), *n = getenv("MEMORY_NUMBER"), *log = getenv("MEMORY_LOG");
        chosen_place = place ? strtoull(place, NULL, 16) : 0;
        chosen_number = n ? strtol(n, NULL, 10) : 0;
        for_good = getenv("MEMORY_FOR_GOOD") != NULL;
        places_wanted = !n;
        if (log)
                log_fd = (int) syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        static const char *const ours[] = { "LD_PRELOAD", "MEMORY_PLACE", "MEMORY_NUMBER", "MEMORY_LOG", "MEMORY_FOR_GOOD" };
        for (size_t i = 0; i < sizeof(ours) / sizeof(*ours); i++)
                unsetenv(ours[i]);
}

static void *next(const char *name) {
        void *f = dlsym(RTLD_NEXT, name);
        if (!f)
                abort();
        return f;
}

struct walk { size_t seen, above; struct place *place; };

static _Unwind_Reason_Code on_frame(struct _Unwind_Context *context, void *data) {
        struct walk *w = data;
        if (w->seen++ >= w->above && w->place->n < DEPTH)
                w->place->frames[w->place->n++] = (void *) _Unwind_GetIP(context);
        return w->place->n < DEPTH ? _URC_NO_REASON : _URC_END_OF_STACK;
}

static uint64_t mixed(uint64_t hash, uint64_t value) {
        hash = (hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
        return hash ^ hash >> 29;
}

/* Offsets in modules of different size may be equal by chance only; a module is known by the length of what it maps. */
__attribute__((noinline)) static struct place place_here(const char *kind) {
        struct place p = { .hash = (uint64_t) kind[0] };
        struct walk w = { .place = &p, .above = kind[1] == 'h' || kind[1] == 'm' ? ABOVE : ABOVE + 1 };       /* thread, mmap */
        _Unwind_Backtrace(on_frame, &w);
        for (size_t i = 0; i < p.n; i++) {
                struct dl_find_object o;
                if (_dl_find_object(p.frames[i], &o) == 0)
                        p.hash = mixed(mixed(p.hash, (uint64_t) ((char *) p.frames[i] - (char *) o.dlfo_map_start)),
                                       (uint64_t) ((char *) o.dlfo_map_end - (char *) o.dlfo_map_start));
        }
        return p;
}

static bool is_new(uint64_t hash) {
        for (size_t i = 0; i < PLACES; i++) {
                atomic_uint_fast64_t *slot = &known[(hash + i) % PLACES];
                uint64_t empty = 0;
                if (atomic_load(slot) == hash)
                        return false;
                if (atomic_load(slot) == 0 && atomic_compare_exchange_strong(slot, &empty, hash))
                        return true;
        }
        return false;
}

/* Frames as "file+offset", for addr2line, with the name where the file exports one. */
static void note(const char *what, const struct place *p, long n, const char *kind, size_t size) {
        char line[1200];
        int len = snprintf(line, sizeof(line), "%s %016llx %ld %s %zu", what, (unsigned long long) p->hash, n, kind, size);
        for (size_t i = 0; i < p->n && len < (int) sizeof(line) - 200; i++) {
                Dl_info info;
                if (dladdr(p->frames[i], &info) == 0 || !info.dli_fname)
                        continue;
                const char *name = strrchr(info.dli_fname, '/');
                len += snprintf(line + len, sizeof(line) - (size_t) len, " %.40s+0x%zx%s%.60s", name ? name + 1 : info.dli_fname,
                                (size_t) ((char *) p->frames[i] - (char *) info.dli_fbase), info.dli_sname ? ":" : "", info.dli_sname ? info.dli_sname : "");
        }
        line[len++] = '\n';
        if (log_fd >= 0)
                (void) !syscall(SYS_write, log_fd, line, (size_t) len);
}

/* Is this one refused? */
__attribute__((noinline)) static bool is_refused(const char *kind, size_t size) {
        if (inside)
                return false;
        inside = true;
        int saved = errno;
        begin();
        long n = atomic_fetch_add(&number, 1) + 1;
        bool refuse = for_good && atomic_load(&refusing);
        if (!refuse && (places_wanted || n == chosen_number)) {
                struct place p = place_here(kind);
                refuse = n == chosen_number || (chosen_place && p.hash == chosen_place);
                refuse = refuse && !atomic_exchange(&refusing, true);
                if (refuse)
                        note("refused", &p, n, kind, size);
                else if (!chosen_place && !chosen_number && is_new(p.hash))
                        note("place", &p, n, kind, size);
        }
        errno = refuse ? ENOMEM : saved;
        inside = false;
        return refuse;
}

#define REAL(name) static __typeof__(&name) real; if (!real) real = (__typeof__(&name)) next(#name)

void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);
void *__libc_memalign(size_t alignment, size_t n);

void *__libc_malloc(size_t n) {
        REAL(__libc_malloc);
        return is_refused("malloc", n) ? NULL : real(n);
}

void *__libc_calloc(size_t n, size_t size) {
        REAL(__libc_calloc);
        return is_refused("calloc", n * size) ? NULL : real(n, size);
}

void *__libc_realloc(void *p, size_t n) {
        REAL(__libc_realloc);
        return (n > 0 || !p) && is_refused("realloc", n) ? NULL : real(p, n);
}

void *__libc_memalign(size_t alignment, size_t n) {
        REAL(__libc_memalign);
        return is_refused("memalign", n) ? NULL : real(alignment, n);
}

/* With 64 bit offsets the C library's headers turn mmap into mmap64; libraries built without them call the plain name. */
void *mmap(void *at, size_t n, int protection, int flags, int fd, off_t offset) {
        static __typeof__(&mmap) real;
        if (!real)
                real = (__typeof__(&mmap)) next("mmap64");
        return is_refused("mmap", n) ? MAP_FAILED : real(at, n, protection, flags, fd, offset);
}

void *plain_mmap(void *at, size_t n, int protection, int flags, int fd, off_t offset) __asm__("mmap");
void *plain_mmap(void *at, size_t n, int protection, int flags, int fd, off_t offset) { return mmap(at, n, protection, flags, fd, offset); }

int pthread_create(pthread_t *ret, const pthread_attr_t *attributes, void *(*f)(void *), void *data) {
        REAL(pthread_create);
        return is_refused("thread", 0) ? EAGAIN : real(ret, attributes, f, data);
}
