/* The program's own malloc: the C library's, which ends the program where it would give NULL.
 *
 * Half of what is allocated in this process is asked for by libraries: by OpenSSL while a certificate is read, by libyaml, libssh, zlib, by the C library in fopen() and
 * getaddrinfo(). What each of them makes of NULL is its own affair, and seldom tested there. The dynamic linker lets all of them find these functions first
 * (glibc manual, "Replacing malloc"). free() is here so that all of it goes to one heap also where the system preloads another allocator. Where there is no glibc, or where a
 * sanitizer brings an allocator of its own, this file is not built, and base/memory.h's hooks for jansson and libcurl remain. */
#include <errno.h>
#include <malloc.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/memory.h"

/* glibc's own names of its allocator; no header has them. */
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);
void *__libc_memalign(size_t alignment, size_t n);
void __libc_free(void *p);

void free(void *p) { __libc_free(p); }

void *malloc(size_t n) {
        void *p = __libc_malloc(n);
        if (!p)
                end_without("memory");
        return p;
}

void *calloc(size_t n, size_t size) {
        void *p = __libc_calloc(n, size);
        if (!p)
                end_without("memory");
        return p;
}

void *realloc(void *p, size_t n) {
        void *q = __libc_realloc(p, n);
        if (!q && (n > 0 || !p))                 /* realloc(p, 0) frees */
                end_without("memory");
        return q;
}

void *memalign(size_t alignment, size_t n) {
        void *p = __libc_memalign(alignment, n);
        if (!p)
                end_without("memory");
        return p;
}

void *aligned_alloc(size_t alignment, size_t n) { return memalign(alignment, n); }
void *valloc(size_t n) { return memalign((size_t) sysconf(_SC_PAGESIZE), n); }

int posix_memalign(void **ret, size_t alignment, size_t n) {
        if (alignment % sizeof(void *) != 0 || alignment == 0 || (alignment & (alignment - 1)) != 0)
                return EINVAL;
        *ret = memalign(alignment, n);
        return 0;
}
