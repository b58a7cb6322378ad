/* The simulator's event loop: one thread, epoll, timers on a clock that can be moved forward, deferred calls.
 *
 * Everything in the simulated cloud runs in callbacks of one loop, so nothing there needs a lock. The loop's clock is the wall
 * clock plus an offset: `POST /clock {"forward_s": N}` moves it, and the timers that fall due on the way fire in the order of
 * their times, each seeing the clock at its own time. The loop owns its timers and watches; owners hold slots that become NULL by
 * themselves. */
#pragma once

#include "base/error.h"

struct sim_loop;
struct loop_timer;
struct loop_watch;

typedef void (*loop_fn)(void *data);
typedef void (*loop_watch_fn)(void *data, uint32_t events);      /* EPOLLIN, EPOLLOUT, EPOLLHUP, EPOLLERR */

int loop_new(struct sim_loop **ret, struct error *err);
void loop_free(struct sim_loop *l); /* timers and watches go with it; descriptors are not closed */
DEFINE_CLEANUP(struct sim_loop *, loop_free)

/* Runs until loop_stop(). */
int loop_run(struct sim_loop *l, struct error *err);
/* One turn: waits at most timeout_ms (-1: as long as it takes, 0: not at all) and runs what is due. */
int loop_turn(struct sim_loop *l, int timeout_ms, struct error *err);
/* Ends loop_run(). May be called from another thread or from a signal handler. */
void loop_stop(struct sim_loop *l);

/* Milliseconds since 1970 by the loop's clock. */
int64_t loop_now_ms(struct sim_loop *l);
/* Sets the clock (the option --clock); meant for the start, moves no timer. */
void loop_set_now(struct sim_loop *l, int64_t now_ms);
/* Moves the clock forward and fires what falls due on the way, in order, timers made on the way included. Not from inside a
 * timer's function (use loop_defer). */
void loop_forward(struct sim_loop *l, int64_t ms);

/* Calls fn once after ms (0: at the next turn). *slot, when slot is given, holds the timer until it fires or is cancelled, and is
 * NULL before fn is called; a timer already in *slot is cancelled first. */
void loop_timer_set(struct sim_loop *l, struct loop_timer **slot, int64_t ms, loop_fn fn, void *data);
void loop_timer_cancel(struct loop_timer **slot);                /* *slot may be NULL */
/* Cancels every timer and every deferred call with this data: before data is freed. */
void loop_forget(struct sim_loop *l, const void *data);

/* Calls fn once, after the callbacks that are running now. Safe from any callback. */
void loop_defer(struct sim_loop *l, loop_fn fn, void *data);
/* The same from another thread. */
void loop_post(struct sim_loop *l, loop_fn fn, void *data);

/* Watches a descriptor that the caller owns; events as for epoll, level-triggered. Remove the watch before closing the
 * descriptor. Removing is safe inside any callback. */
int loop_watch_add(struct sim_loop *l, int fd, uint32_t events, loop_watch_fn fn, void *data, struct loop_watch **ret,
                   struct error *err);
void loop_watch_change(struct loop_watch *w, uint32_t events);
void loop_watch_remove(struct loop_watch **w);                   /* *w may be NULL; becomes NULL */
