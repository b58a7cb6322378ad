/* The plan's own structs, shared by its files only. */
#pragma once

#include <pthread.h>

#include "plan/plan.h"

struct plan_step {
        struct plan *plan;
        char *verb, *kind, *name, *row, *detail;
        step_fn fn;
        void *arg;
        bool quiet, always, urgent, apart;

        struct plan_step **before;   /* what it waits for */
        size_t n_before;
        struct plan_step **after;    /* who waits for it */
        size_t n_after;

        /* Guarded by the plan's lock while it runs. */
        enum step_state state;
        size_t waiting_for;          /* steps of before that have not ended */
        struct error error;
        int64_t start_ms, end_ms;    /* relative to the run's start; -1: not yet */
        int64_t ready_ms;            /* when the last thing it waited for ended */
};

struct plan_owned { void *memory; void (*release)(void *); };

struct plan {
        char *title;
        struct plan_step **steps;
        size_t n_steps;
        struct plan_owned *owned;
        size_t n_owned;

        pthread_mutex_t lock;        /* everything below */
        pthread_cond_t wake;
        struct plan_options options;
        int64_t origin_ms;           /* monotonic time of the run's start */
        struct plan_step **queue;    /* ready to start, in order */
        size_t queue_head, queue_tail;
        size_t unfinished;           /* steps in no final state */
        size_t running;
        unsigned threads, idle;
        bool failed;                 /* nothing but always-steps is started any more */
        bool failed_apart;           /* … and steps that stand apart */
        struct plan_step *first_failed;
};
