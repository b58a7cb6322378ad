#include "base/cancel.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/memory.h"

struct cancel {
        atomic_bool set;
        int fd;
};

struct cancel *cancel_new(void) {
        struct cancel *c = xnew0(struct cancel);
        c->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (c->fd < 0) /* nobody could be told to stop: nothing useful can follow */
                end_without(errno == EMFILE || errno == ENFILE ? "file descriptors" : "memory");
        return c;
}

void cancel_free(struct cancel *c) {
        if (!c)
                return;
        close(c->fd);
        free(c);
}

void cancel_trigger(struct cancel *c) {
        int saved = errno; /* of the code that the signal interrupted */
        uint64_t one = 1;
        atomic_store(&c->set, true);
        ssize_t written = write(c->fd, &one, sizeof(one)); /* nobody reads it, so it stays readable */
        (void) written;
        errno = saved;
}

bool cancel_is_set(const struct cancel *c) {
        return c && atomic_load(&c->set);
}

int cancel_fd(const struct cancel *c) {
        return c ? c->fd : -1;
}

int cancel_check(const struct cancel *c, struct error *err) {
        return cancel_is_set(c) ? error_set(err, ERR_CANCELLED, "interrupted") : 0;
}
