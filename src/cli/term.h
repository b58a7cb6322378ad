/* What the terminal can do, and the few words we say to it. */
#pragma once

#include <stdio.h>

#include "base/util.h"

enum colour { COLOUR_NONE, COLOUR_GREEN, COLOUR_RED, COLOUR_YELLOW, COLOUR_CYAN, COLOUR_DIM, COLOUR_BOLD };

/* Is the stream a terminal that moves (not TERM=dumb)? */
bool term_is_live(FILE *f);
/* May colours be used on the stream? No without a terminal and with NO_COLOR (https://no-color.org). */
bool term_has_colour(FILE *f);
unsigned term_width(FILE *f);    /* columns; 80 when unknown */
unsigned term_height(FILE *f);   /* rows; 24 when unknown */
/* The escape that begins the colour ("" where colours are off) and the one that ends it. */
const char *term_on(FILE *f, enum colour c);
const char *term_off(FILE *f);
/* Stops and restores the echo of typed keys on a terminal; the first is false where there is none. */
bool term_hide_typing(int fd);
void term_show_typing(void);
/* Between the two, long lines are cut at the terminal's right edge. */
void term_wrap(FILE *f, bool on);
/* Undoes what of the above is in force. For an end without notice: only what a signal handler may use. */
void term_rescue(void);
/* Can the stream's locale print "✓"? */
bool term_has_utf8(void);
/* Copies s with control characters replaced by '?', so that nothing from outside moves the cursor; owned. */
char *term_clean(const char *s);
