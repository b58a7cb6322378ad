#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

char *path_join(const char *a, const char *b) {
        if (str_empty(a))
                return xstrdup(b);
        while (*b == '/')
                b++;
        return xasprintf("%s%s%s", a, str_ends(a, "/") ? "" : "/", b);
}

/* Reads to the end; one byte past max is enough to know that it is too much. */
static int read_all(int fd, const char *path, size_t max, struct strbuf *ret, struct error *err) {
        char piece[16 * 1024];
        for (;;) {
                ssize_t n = read(fd, piece, sizeof(piece));
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return error_set_errno(err, "reading %s", path);
                if (n == 0)
                        return 0;
                strbuf_add(ret, piece, (size_t) n);
                if (strbuf_failed(ret))
                        return error_set(err, ERR_INVALID, "%s is larger than %zu bytes", path, max);
        }
}

static int open_failed(const char *path, struct error *err) {
        return errno == ENOENT ? error_set(err, ERR_NOT_FOUND, "%s does not exist", path) : error_set_errno(err, "opening %s", path);
}

static int take_all(int fd, const char *path, size_t max, char **ret, size_t *ret_len, struct error *err) {
        _cleanup_strbuf_ struct strbuf b = { .max = max, .secret = true }; /* many of our files are secrets */
        int r = read_all(fd, path, max, &b, err);
        if (r < 0)
                return r;
        if (ret_len)
                *ret_len = b.len;
        *ret = strbuf_take(&b);
        return 0;
}

int file_read(const char *path, size_t max, char **ret, size_t *ret_len, struct error *err) {
        _cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);
        return fd < 0 ? open_failed(path, err) : take_all(fd, path, max, ret, ret_len, err);
}

int file_read_private(const char *path, size_t max, unsigned forbidden, char **ret, size_t *ret_len, struct error *err) {
        struct stat st;
        _cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);        /* a pipe that nobody writes to does not hold it up */
        if (fd < 0 && errno == ELOOP)
                return error_set(err, ERR_REFUSED, "%s is a symbolic link, and the file itself is wanted", path);
        if (fd < 0)
                return open_failed(path, err);
        if (fstat(fd, &st) < 0)
                return error_set_errno(err, "looking at %s", path);
        if (!S_ISREG(st.st_mode))
                return error_set(err, ERR_REFUSED, "%s is no regular file", path);
        if (st.st_uid != geteuid() && st.st_uid != 0 && geteuid() != 0)
                return error_set(err, ERR_REFUSED, "%s belongs to another user (%ld)", path, (long) st.st_uid);
        if (st.st_mode & forbidden) {
                error_set(err, ERR_REFUSED, "%s has mode %04o: others may %s it", path, (unsigned) st.st_mode & 07777, st.st_mode & forbidden & 022 ? "change" : "read");
                return error_hint(err, "when you know how that came about: chmod 600 %s", path);
        }
        return take_all(fd, path, max, ret, ret_len, err);
}

static int write_all(int fd, const char *p, size_t n) {
        while (n > 0) {
                ssize_t written = write(fd, p, n);
                if (written < 0 && errno == EINTR)
                        continue;
                if (written < 0)
                        return -1;
                p += written;
                n -= (size_t) written;
        }
        return 0;
}

/* The folder of path; owned. */
static char *folder_of(const char *path) {
        const char *slash = strrchr(path, '/');
        if (!slash)
                return xstrdup(".");
        return slash == path ? xstrdup("/") : xstrndup(path, (size_t) (slash - path));
}

/* So that the rename itself survives a power cut. Best effort: some file systems refuse it. */
static void sync_folder(const char *path) {
        _cleanup_str_ char *folder = folder_of(path);
        _cleanup_fd_ int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd >= 0)
                fsync(fd);
}

static int write_temporary(const char *temporary, int fd, const void *data, size_t len, unsigned mode, struct error *err) {
        if (fchmod(fd, (mode_t) mode) < 0 || write_all(fd, data, len) < 0 || fsync(fd) < 0)
                return error_set_errno(err, "writing %s", temporary);
        return 0;
}

/* What a killed program leaves behind: NAME + TEMPORARY. Its writer holds a flock on it, so one that can be locked has no writer any more. */
#define TEMPORARY ".new-XXXXXX"

static bool is_temporary(const char *file, const char *name) {
        size_t len = strlen(file), tail = strlen(TEMPORARY), head = strlen(".new-");
        if (len <= tail || strncmp(file + len - tail, TEMPORARY, head) != 0)
                return false;
        return !name || (strlen(name) == len - tail && strncmp(file, name, len - tail) == 0);
}

void file_sweep(const char *folder, const char *name) {
        DIR *d = opendir(folder);
        struct dirent *e;
        while (d && (e = readdir(d))) {
                if (!is_temporary(e->d_name, name))
                        continue;
                _cleanup_fd_ int fd = openat(dirfd(d), e->d_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
                if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
                        unlinkat(dirfd(d), e->d_name, 0);
        }
        if (d)
                closedir(d);
}

int file_temporary(const char *path, char **ret_name, struct error *err) {
        _cleanup_str_ char *folder = folder_of(path);
        const char *slash = strrchr(path, '/');
        file_sweep(folder, slash ? slash + 1 : path);
        for (int try = 0; try < 8; try++) {
                _cleanup_str_ char *name = xasprintf("%s" TEMPORARY, path);
                _cleanup_fd_ int fd = mkostemp(name, O_CLOEXEC); /* made 0600 */
                if (fd < 0)
                        return error_set_errno(err, "creating a file beside %s", path);
                struct stat st;
                (void) flock(fd, LOCK_EX); /* where the file system has none, there is no sweeping either */
                if (fstat(fd, &st) < 0 || st.st_nlink == 0)
                        continue; /* somebody swept between the two calls */
                *ret_name = TAKE(name);
                int made = fd;
                fd = -1;
                return made;
        }
        return error_set(err, ERR_IO, "files beside %s vanish as soon as they are made", path);
}

int file_write_atomic(const char *path, const void *data, size_t len, unsigned mode, struct error *err) {
        _cleanup_str_ char *temporary = NULL;
        _cleanup_fd_ int fd = file_temporary(path, &temporary, err);
        if (fd < 0)
                return -1;
        int r = write_temporary(temporary, fd, data, len, mode, err);
        if (r >= 0 && rename(temporary, path) < 0)      /* before it is closed, and with that unlocked */
                r = error_set_errno(err, "replacing %s", path);
        if (r < 0) {
                unlink(temporary);
                return r;
        }
        sync_folder(path);
        return 0;
}

static int make_one(const char *path, unsigned mode, struct error *err) {
        if (mkdir(path, (mode_t) mode) == 0)
                return 0;
        if (errno != EEXIST)
                return error_set_errno(err, "creating the folder %s", path);
        struct stat st;
        if (stat(path, &st) < 0)
                return error_set_errno(err, "looking at %s", path);
        return S_ISDIR(st.st_mode) ? 0 : error_set(err, ERR_IO, "%s is not a folder", path);
}

int dir_make(const char *path, unsigned mode, struct error *err) {
        _cleanup_str_ char *part = xstrdup(path);
        for (char *p = part + 1; *part && *p; p++) {
                if (*p != '/')
                        continue;
                *p = '\0';
                int r = make_one(part, mode, err);
                if (r < 0)
                        return r;
                *p = '/';
        }
        return make_one(path, mode, err);
}

int dir_probe_writable(const char *dir, size_t size, struct error *err) {
        int r = dir_make(dir, 0700, err);
        if (r < 0)
                return r;
        _cleanup_str_ char *probe = path_join(dir, ".probe"), *path = NULL;
        _cleanup_fd_ int fd = file_temporary(probe, &path, err);
        if (fd < 0)
                return -1;
        _cleanup_str_ char *zeros = xcalloc(size, 1);
        r = write_all(fd, zeros, size) < 0 || fsync(fd) < 0 ? error_set_errno(err, "writing %zu bytes in %s", size, dir) : 0;
        if (unlink(path) < 0 && r >= 0)
                r = error_set_errno(err, "removing %s", path);
        return r;
}

bool file_exists(const char *path) {
        return access(path, F_OK) == 0;
}

int file_remove(const char *path, struct error *err) {
        if (unlink(path) < 0 && errno != ENOENT)
                return error_set_errno(err, "removing %s", path);
        return 0;
}

static int locked_by_other(int fd, const char *path, struct error *err) {
        _cleanup_strbuf_ struct strbuf holder = STRBUF_MAX(4096);
        (void) read_all(fd, path, holder.max, &holder, NULL);
        return error_set(err, ERR_LOCKED, "%s is held by %s", path, holder.len > 0 ? strbuf_str(&holder) : "another process");
}

int file_lock(const char *path, const char *note, int *ret_fd, struct error *err) {
        _cleanup_fd_ int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0)
                return error_set_errno(err, "opening %s", path);
        if (flock(fd, LOCK_EX | LOCK_NB) < 0)
                return errno == EWOULDBLOCK ? locked_by_other(fd, path, err) : error_set_errno(err, "locking %s", path);
        if (ftruncate(fd, 0) < 0 || write_all(fd, note ? note : "", note ? strlen(note) : 0) < 0)
                return error_set_errno(err, "writing %s", path);
        *ret_fd = fd;
        fd = -1;
        return 0;
}

/* XDG Base Directory Specification: the variable counts only when it is an absolute path. */
static int xdg_dir(const char *variable, const char *below_home, const char *folder, char **ret, struct error *err) {
        const char *value = getenv(variable), *home = getenv("HOME");
        _cleanup_str_ char *base = NULL;
        if (!str_empty(value) && *value == '/')
                base = xstrdup(value);
        else if (!str_empty(home))
                base = path_join(home, below_home);
        else
                return error_set(err, ERR_IO, "neither %s nor HOME is set", variable);
        *ret = folder ? path_join(base, folder) : TAKE(base);
        return 0;
}

int xdg_state_dir(char **ret, struct error *err) {
        return xdg_dir("XDG_STATE_HOME", ".local/state", "hcloud-v6", ret, err);
}

int xdg_cache_dir(char **ret, struct error *err) {
        return xdg_dir("XDG_CACHE_HOME", ".cache", "hcloud-v6", ret, err);
}

int xdg_config_dir(char **ret, struct error *err) {
        return xdg_dir("XDG_CONFIG_HOME", ".config", NULL, ret, err);
}
