/* Loaded into hcloud-v6 with LD_PRELOAD: numbers what the program does to the world outside, and ends it at a chosen number as a power cut would.
 *
 *   FAULT_LOG=FILE   appends a line for each event: its number, what it is, what it is about
 *   FAULT_KILL=N     SIGKILL before event N takes effect; a write gets half of its bytes onto the disk first
 *   FAULT_STOP=N     SIGSTOP there instead, as a machine that is suspended
 *   FAULT_CLOCK=FILE the seconds in it, as decimal text, have passed more than this machine's clocks say; it may change at any time
 *
 * An HTTP exchange is three events: "send" before the request is handed to libcurl, "answer" when the answer is whole and the program has not seen
 * it, "taken" when the program lets go of the exchange. What the program learns through pipes, sockets and terminals changes nothing and is not counted. */
#include <curl/curl.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <libssh/libssh.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>


static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static long number, kill_at, stop_at;
static int log_fd = -1, clock_fd = -1;

/* The children of the program are not its own events, therefore the environment is cleared of us. */
__attribute__((constructor)) static void begin(void) {
        const char *at = getenv("FAULT_KILL"), *stop = getenv("FAULT_STOP"), *log = getenv("FAULT_LOG"), *time_file = getenv("FAULT_CLOCK");
        kill_at = at ? strtol(at, NULL, 10) : 0;
        stop_at = stop ? strtol(stop, NULL, 10) : 0;
        if (time_file)
                clock_fd = (int) syscall(SYS_openat, AT_FDCWD, time_file, O_RDONLY | O_CLOEXEC);
        if (log)
                log_fd = (int) syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        unsetenv("LD_PRELOAD");
        unsetenv("FAULT_KILL");
        unsetenv("FAULT_STOP");
        unsetenv("FAULT_LOG");
        unsetenv("FAULT_CLOCK");
}

static void *next(const char *name) {
        void *f = dlsym(RTLD_NEXT, name);
        if (!f)
                abort();
        return f;
}

/* Counts and logs; does not come back from the event that was chosen. before, if any, happens then. */
static void event(const char *what, const char *about, void (*before)(void *data), void *data) {
        char line[600];
        int saved = errno;
        pthread_mutex_lock(&lock);
        number++;
        int n = snprintf(line, sizeof(line), "%ld %s %s\n", number, what, about ? about : "?");
        if (log_fd >= 0)
                (void) !syscall(SYS_write, log_fd, line, n < (int) sizeof(line) ? (size_t) n : sizeof(line) - 1);
        if (number == kill_at) {
                if (before)
                        before(data);
                kill(getpid(), SIGKILL);
                for (;;)
                        pause();
        }
        if (number == stop_at)
                kill(getpid(), SIGSTOP);
        pthread_mutex_unlock(&lock);
        errno = saved;
}

/* ---- time ---- */

static time_t more_seconds(void) {
        char text[24];
        ssize_t n = clock_fd < 0 ? 0 : syscall(SYS_pread64, clock_fd, text, sizeof(text) - 1, 0);
        text[n < 0 ? 0 : n] = '\0';
        return (time_t) strtol(text, NULL, 10);
}

int clock_gettime(clockid_t id, struct timespec *ret) {
        static int (*real)(clockid_t, struct timespec *);
        if (!real)
                real = next("clock_gettime");
        int r = real(id, ret);
        if (r == 0 && id != CLOCK_PROCESS_CPUTIME_ID && id != CLOCK_THREAD_CPUTIME_ID)
                ret->tv_sec += more_seconds();
        return r;
}

time_t time(time_t *ret) {
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        if (ret)
                *ret = now.tv_sec;
        return now.tv_sec;
}

int gettimeofday(struct timeval *restrict ret, void *restrict zone) {
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        *ret = (struct timeval) { .tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000 };
        return 0;
}

/* libcurl knows the method of a handle at all times, and its URL only while it works on it: those are noted when they are set. */
static struct noted { CURL *easy; char url[300]; } noted[1024];
static pthread_mutex_t noted_lock = PTHREAD_MUTEX_INITIALIZER;

static void note_url(CURL *easy, const char *url) {
        pthread_mutex_lock(&noted_lock);
        struct noted *free_one = NULL, *known = NULL;
        for (size_t i = 0; i < sizeof(noted) / sizeof(*noted); i++)
                if (noted[i].easy == easy)
                        known = &noted[i];
                else if (!noted[i].easy && !free_one)
                        free_one = &noted[i];
        struct noted *n = known ? known : free_one;
        if (n && url) {
                n->easy = easy;
                snprintf(n->url, sizeof(n->url), "%s", url);
        } else if (n)
                n->easy = NULL;
        pthread_mutex_unlock(&noted_lock);
}

static void http_event(const char *what, CURL *easy) {
        char about[400];
        char *method = NULL;
        curl_easy_getinfo(easy, CURLINFO_EFFECTIVE_METHOD, &method);
        int n = snprintf(about, sizeof(about), "%s ", method ? method : "?");
        pthread_mutex_lock(&noted_lock);
        for (size_t i = 0; i < sizeof(noted) / sizeof(*noted); i++)
                if (noted[i].easy == easy)
                        snprintf(about + n, sizeof(about) - (size_t) n, "%s", noted[i].url);
        pthread_mutex_unlock(&noted_lock);
        event(what, about, NULL, NULL);
}

#undef curl_easy_setopt
CURLcode curl_easy_setopt(CURL *easy, CURLoption option, ...) {
        CURLcode (*real)(CURL *, CURLoption, ...) = next("curl_easy_setopt");
        va_list words;
        va_start(words, option);
        void *value = va_arg(words, void *);     /* every option's value is as wide as a pointer where this is built */
        va_end(words);
        if (option == CURLOPT_URL)
                note_url(easy, value);
        return real(easy, option, value);
}

void curl_easy_cleanup(CURL *easy) {
        void (*real)(CURL *) = next("curl_easy_cleanup");
        note_url(easy, NULL);
        real(easy);
}

CURLMcode curl_multi_add_handle(CURLM *multi, CURL *easy) {
        CURLMcode (*real)(CURLM *, CURL *) = next("curl_multi_add_handle");
        http_event("send", easy);
        return real(multi, easy);
}

CURLMsg *curl_multi_info_read(CURLM *multi, int *ret_left) {
        CURLMsg *(*real)(CURLM *, int *) = next("curl_multi_info_read");
        CURLMsg *message = real(multi, ret_left);
        if (message && message->msg == CURLMSG_DONE)
                http_event("answer", message->easy_handle);
        return message;
}

CURLMcode curl_multi_remove_handle(CURLM *multi, CURL *easy) {
        CURLMcode (*real)(CURLM *, CURL *) = next("curl_multi_remove_handle");
        http_event("taken", easy);
        return real(multi, easy);
}

int ssh_connect(ssh_session session) {
        int (*real)(ssh_session) = next("ssh_connect");
        event("ssh", "connect", NULL, NULL);
        return real(session);
}

int ssh_channel_request_exec(ssh_channel channel, const char *command) {
        int (*real)(ssh_channel, const char *) = next("ssh_channel_request_exec");
        char about[80];
        snprintf(about, sizeof(about), "exec %.60s", command);
        for (char *p = about; *p; p++)
                if (*p == '\n')
                        *p = ' ';
        event("ssh", about, NULL, NULL);
        return real(channel, command);
}

/* Of a long stream its first piece counts, and its end. */
int ssh_channel_write(ssh_channel channel, const void *data, uint32_t len) {
        int (*real)(ssh_channel, const void *, uint32_t) = next("ssh_channel_write");
        static _Atomic(ssh_channel) last;
        if (last != channel) {
                last = channel;
                event("ssh", "first piece", NULL, NULL);
        }
        return real(channel, data, len);
}

int ssh_channel_send_eof(ssh_channel channel) {
        int (*real)(ssh_channel) = next("ssh_channel_send_eof");
        event("ssh", "end of stream", NULL, NULL);
        return real(channel);
}

/* Built with 64 bit offsets, as the program is: the C library's headers turn these names into open64 and so on. */
#undef open
int open(const char *path, int flags, ...) {
        int (*real)(const char *, int, ...) = next("open64");
        va_list words;
        va_start(words, flags);
        mode_t mode = flags & O_CREAT ? va_arg(words, mode_t) : 0;
        va_end(words);
        if (flags & (O_CREAT | O_TRUNC))
                event("create", path, NULL, NULL);
        return real(path, flags, mode);
}

int mkostemp(char *template, int flags) {
        int (*real)(char *, int) = next("mkostemp64");
        event("create", template, NULL, NULL);
        return real(template, flags);
}

static bool is_file(int fd) {
        struct stat st;
        return fd > STDERR_FILENO && fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

static const char *path_of(int fd, char *buf, size_t size) {
        char link[40];
        snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        ssize_t n = readlink(link, buf, size - 1);
        buf[n < 0 ? 0 : n] = '\0';
        return buf;
}

struct piece { int fd; const void *data; size_t len; };

static void write_half(void *data) {
        const struct piece *p = data;
        (void) !syscall(SYS_write, p->fd, p->data, p->len / 2);
}

ssize_t write(int fd, const void *data, size_t len) {
        ssize_t (*real)(int, const void *, size_t) = next("write");
        char path[400];
        if (is_file(fd))
                event("write", path_of(fd, path, sizeof(path)), write_half, &(struct piece) { fd, data, len });
        return real(fd, data, len);
}

int fsync(int fd) {
        int (*real)(int) = next("fsync");
        char path[400];
        event("fsync", path_of(fd, path, sizeof(path)), NULL, NULL);
        return real(fd);
}

int ftruncate(int fd, off_t len) {
        int (*real)(int, off_t) = next("ftruncate64");
        char path[400];
        event("truncate", path_of(fd, path, sizeof(path)), NULL, NULL);
        return real(fd, len);
}

int rename(const char *from, const char *to) {
        int (*real)(const char *, const char *) = next("rename");
        event("rename", to, NULL, NULL);
        return real(from, to);
}

int unlink(const char *path) {
        int (*real)(const char *) = next("unlink");
        event("unlink", path, NULL, NULL);
        return real(path);
}

int unlinkat(int folder, const char *path, int flags) {
        int (*real)(int, const char *, int) = next("unlinkat");
        event("unlink", path, NULL, NULL);
        return real(folder, path, flags);
}

int rmdir(const char *path) {
        int (*real)(const char *) = next("rmdir");
        event("rmdir", path, NULL, NULL);
        return real(path);
}

int mkdir(const char *path, mode_t mode) {
        int (*real)(const char *, mode_t) = next("mkdir");
        struct stat st;
        if (stat(path, &st) < 0)
                event("mkdir", path, NULL, NULL);
        return real(path, mode);
}
