/* Reads a snapshot and decides, and says what that took: decide FILE. */
#include <stdio.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "scaler/decide.h"

static double cpu_seconds(void) {
        struct rusage r;
        getrusage(RUSAGE_SELF, &r);
        return (double) (r.ru_utime.tv_sec + r.ru_stime.tv_sec) + (double) (r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
}

int main(int argc, char **argv) {
        struct error err = ERROR_INIT;
        struct snapshot *s = NULL;
        struct decision d = { 0 };
        double begin = cpu_seconds();
        if (argc != 2 || snapshot_load(argv[1], &s, &err) < 0) {
                fprintf(stderr, "%s\n", argc == 2 ? error_text(&err) : "usage: decide FILE");
                return 1;
        }
        double read = cpu_seconds();
        if (decide(s, &d, &err) < 0) {
                fprintf(stderr, "%s\n", error_text(&err));
                return 1;
        }
        double done = cpu_seconds();
        struct rusage r;
        getrusage(RUSAGE_SELF, &r);
        int64_t up = 0;
        for (size_t i = 0; i < d.n_up; i++)
                up += d.up[i].count;
        printf("{\"read_seconds\": %.3f, \"decide_seconds\": %.3f, \"max_rss_kb\": %ld, \"up\": %lld, \"down\": %zu, \"unplaceable\": %zu, \"kept\": %zu}\n", read - begin, done - read,
               r.ru_maxrss, (long long) up, d.n_down, d.n_unplaceable, d.n_kept);
        decision_done(&d);
        snapshot_free(s);
        return 0;
}
