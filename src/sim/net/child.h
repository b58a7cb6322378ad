/* A child of the simulator, between fork and exec. */
#pragma once

#include <signal.h>

/* The loop takes its signals through a descriptor and ignores SIGPIPE; a program that it starts has them as any other program. Takes no lock. */
static inline void child_signals(void) {
        sigset_t none;

        signal(SIGPIPE, SIG_DFL);
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
}
