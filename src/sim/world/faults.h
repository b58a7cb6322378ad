/* Faults that can be switched on: at the start (--fault), or while the world runs (POST /faults). The grammar, with every name, is in
 * docs/simulator.md; `hcloud-v6-sim --help` prints the short form.
 *
 *   SPEC  = NAME [":" KEY "=" VALUE {"," KEY "=" VALUE}]
 *   every fault knows count (how often it strikes), skip (how many matches pass first) and p (probability, from the world's seed);
 *   the other keys are patterns (shell style) that must match what the fault is asked about, or parameters. */
#pragma once

#include <jansson.h>

#include "sim/world/world.h"

struct sim_fault;

struct sim_faults *sim_faults_new(void);
void sim_faults_free(struct sim_faults *f);
/* ERR_USAGE with the nearest name or key. */
int sim_faults_add(struct sim_faults *f, const char *spec, struct error *err);
void sim_faults_clear(struct sim_faults *f);
json_t *sim_faults_render(const struct sim_faults *f);           /* new reference: specs with how often they struck */

/* Does a fault of this name strike now? facts are what its patterns are compared with; a pattern for which there is no fact does not match.
 * The hit is counted. Borrowed, NULL: no. */
const struct sim_fault *sim_fault_hit(struct sim_world *w, const char *name, const struct kv *facts, size_t n_facts);
/* The same without counting and without chance: for conditions that last. */
const struct sim_fault *sim_fault_holds(struct sim_world *w, const char *name, const struct kv *facts, size_t n_facts);
/* Was one of this name added, whatever its patterns? */
bool sim_faults_any(struct sim_world *w, const char *name);
const char *sim_fault_value(const struct sim_fault *f, const char *key, const char *otherwise);
double sim_fault_number(const struct sim_fault *f, const char *key, double otherwise);

/* The list for --help and docs: one line a fault. */
struct sim_fault_kind { const char *name, *patterns, *parameters, *what; };
extern const struct sim_fault_kind sim_fault_kinds[];            /* ends with a NULL name */
