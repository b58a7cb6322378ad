/* The end of a program that gets no more memory, and how libraries below us are brought to that end instead of to a NULL that nobody looks at.
 *
 * The end is one line on standard error and exit status 1 (ERR_IO's), by _exit(): no destructor runs, nothing is allocated, no signal, no core. What a run had
 * begun is taken up by the next one, as after a kill; the kernel wipes the pages (docs/design.md, "Memory"). */
#pragma once

#include <stddef.h>

/* Ends the program because what ("memory", "file descriptors") is out. The first thread that comes here says it; any other waits for the end. */
_Noreturn void end_without(const char *what);

/* Called by end_without() before anything is said: puts the terminal right. May use only what a signal handler may. NULL: nobody. */
void end_without_calls(void (*before)(void));

/* From now on jansson ends the program where it would have given NULL: json_object_set_new() and its like would lose a key of a request in silence. Whatever
 * allocator was set stays beneath, so memory given by one may be freed by the other. Once is enough; more does no harm. */
void json_needs_memory(void);
