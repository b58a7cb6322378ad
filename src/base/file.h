/* Files and directories the careful way: whole reads with a cap, atomic private writes, locks, XDG places. */
#pragma once

#include "base/error.h"
#include "base/strbuf.h"

/* Reads all of path, at most max bytes (more is ERR_INVALID, absence ERR_NOT_FOUND). The caller owns *ret (NUL-terminated). */
int file_read(const char *path, size_t max, char **ret, size_t *ret_len, struct error *err);

/* The same of a file that nobody else may have put there: no symbolic link, nothing but a regular file, of this user or root, and without these mode bits
 * (octal: 077 for a secret, 022 for what is sealed). ERR_REFUSED says what is wrong with it. */
int file_read_private(const char *path, size_t max, unsigned forbidden, char **ret, size_t *ret_len, struct error *err);

/* Writes atomically: temporary file beside it, mode, fsync, rename, fsync of the directory. */
int file_write_atomic(const char *path, const void *data, size_t len, unsigned mode, struct error *err);

/* A new empty file beside path, 0600, for a write in pieces that ends with rename(*ret_name, path), then close: the descriptor, which holds a lock
 * that keeps file_sweep() away. What killed programs left beside path is removed first. The caller owns *ret_name. */
int file_temporary(const char *path, char **ret_name, struct error *err);

/* Removes the temporary files of programs that were killed: those of one name in folder, or all there (NULL). Never one that is being written. */
void file_sweep(const char *folder, const char *name);

/* mkdir -p; new directories get the mode. */
int dir_make(const char *path, unsigned mode, struct error *err);

/* Proves that a file can be created, filled with size bytes and removed in dir (made if missing). ERR_IO otherwise. */
int dir_probe_writable(const char *dir, size_t size, struct error *err);

bool file_exists(const char *path);
int file_remove(const char *path, struct error *err);         /* absence is success */

/* Exclusive flock on path (made 0600 if missing). Fails with ERR_LOCKED at once when somebody else holds it; the message contains
 * what the holder wrote into the file. The file's content becomes note. Held until the descriptor is closed. */
int file_lock(const char *path, const char *note, int *ret_fd, struct error *err);

/* XDG base directories with our folder appended, e.g. $XDG_STATE_HOME/hcloud-v6; owned. Not created. ERR_IO if HOME is unset too. */
int xdg_state_dir(char **ret, struct error *err);
int xdg_cache_dir(char **ret, struct error *err);
int xdg_config_dir(char **ret, struct error *err);   /* without our folder: the hcloud CLI's files lie there too */
char *path_join(const char *a, const char *b);       /* owned */
