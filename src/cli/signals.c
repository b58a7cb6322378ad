#include "cli/signals.h"

#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include "cli/term.h"

static struct cancel *target;
static _Atomic int seen;

static void on_signal(int number) {
        static const char again[] = "\nstopping cleanly; once more ends at once and leaves things as they are\n";

        if (atomic_fetch_add(&seen, 1) > 0) {
                term_rescue();
                _exit(130);
        }
        if (write(STDERR_FILENO, again, sizeof(again) - 1) < 0)
                return;
        cancel_trigger(target);
}

void signals_install(struct cancel *c) {
        struct sigaction a = { .sa_handler = on_signal, .sa_flags = SA_RESTART };

        target = c;
        sigemptyset(&a.sa_mask);
        sigaction(SIGINT, &a, NULL);
        sigaction(SIGTERM, &a, NULL);
        signal(SIGPIPE, SIG_IGN);
}

bool signals_interrupted(void) { return atomic_load(&seen) > 0; }
