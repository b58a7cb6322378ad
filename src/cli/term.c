#include "cli/term.h"

#include <langinfo.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

bool term_is_live(FILE *f) {
        const char *term = getenv("TERM");

        return isatty(fileno(f)) && !str_empty(term) && !str_eq(term, "dumb");
}

bool term_has_colour(FILE *f) {
        return term_is_live(f) && str_empty(getenv("NO_COLOR"));
}

static bool size_of(FILE *f, struct winsize *ret) {
        return ioctl(fileno(f), TIOCGWINSZ, ret) == 0;
}

unsigned term_width(FILE *f) {
        struct winsize w;

        return size_of(f, &w) && w.ws_col > 0 ? w.ws_col : 80;
}

unsigned term_height(FILE *f) {
        struct winsize w;

        return size_of(f, &w) && w.ws_row > 0 ? w.ws_row : 24;
}

const char *term_on(FILE *f, enum colour c) {
        static const char *const codes[] = {
                [COLOUR_NONE] = "",          [COLOUR_GREEN] = "\033[32m", [COLOUR_RED] = "\033[31m", [COLOUR_YELLOW] = "\033[33m",
                [COLOUR_CYAN] = "\033[36m",  [COLOUR_DIM] = "\033[2m",    [COLOUR_BOLD] = "\033[1m",
        };

        return term_has_colour(f) ? codes[c] : "";
}

const char *term_off(FILE *f) {
        return term_has_colour(f) ? "\033[0m" : "";
}

/* The terminal belongs to all of the program: there is one. */
static struct { struct termios before; atomic_int fd; atomic_bool cut; } changed = { .fd = -1 };

bool term_hide_typing(int fd) {
        struct termios hidden;

        if (tcgetattr(fd, &changed.before) < 0)
                return false;
        hidden = changed.before;
        hidden.c_lflag &= (tcflag_t) ~ECHO;
        atomic_store(&changed.fd, fd);
        tcsetattr(fd, TCSAFLUSH, &hidden);
        return true;
}

void term_show_typing(void) {
        int fd = atomic_exchange(&changed.fd, -1);

        if (fd >= 0)
                tcsetattr(fd, TCSANOW, &changed.before);
}

void term_wrap(FILE *f, bool on) {
        atomic_store(&changed.cut, !on);
        fputs(on ? "\033[?7h" : "\033[?7l", f);
}

void term_rescue(void) {
        static const char wrap[] = "\033[?7h\033[0m\n";
        ssize_t written = 0;

        if (atomic_load(&changed.fd) >= 0) {
                term_show_typing();
                written = write(STDERR_FILENO, "\n", 1);
        }
        if (atomic_exchange(&changed.cut, false))
                written = write(STDERR_FILENO, wrap, sizeof(wrap) - 1);
        (void) written;
}

bool term_has_utf8(void) {
        return str_eq(nl_langinfo(CODESET), "UTF-8");
}

char *term_clean(const char *s) {
        return str_one_line(xstrdup(s ? s : ""));
}
