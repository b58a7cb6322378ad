/* Name servers on UDP port 53 of the addresses that IPv6-only clusters are configured with, and what stands on port 443 of the names they
 * answer. The DNS64 resolvers synthesize an address for hosts without AAAA, each in its operator's own NAT64 prefix
 * (v6tools.kasperd.dk/nat64handoff/service); Hetzner's resolvers do not. */
#include "sim/world/internal.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sim/net/conn.h"
#include "sim/net/loop.h"

/* nat64: NULL for resolvers that do not synthesize. */
static const struct { const char *address, *nat64; } resolvers[] = {
        { "2a01:4f9:c010:3f02::1", "2a01:4f9:c010:3f02:64::/96" },       /* nat64.net, Helsinki */
        { "2a00:1098:2c::1", "2a00:1098:2c:1::/96" },                    /* nat64.net, Amsterdam */
        { "2a01:4f8:c2c:123f::1", "2a01:4f8:c2c:123f:64::/96" },         /* nat64.net, Nuremberg */
        { "2001:67c:2b0::4", "2001:67c:2b0:db32::/96" },                 /* TREX */
        { "2a01:4ff:ff00::add:1", NULL }, { "2a01:4ff:ff00::add:2", NULL },      /* Hetzner */
};

/* Hosts that a cluster asks for. ip6 NULL: the host has no AAAA. The addresses are of documentation ranges. */
static const struct { const char *name, *ip4, *ip6; } hosts[] = {
        { "ghcr.io", "192.0.2.10", NULL }, { "pkg-containers.githubusercontent.com", "192.0.2.11", NULL }, { "github.com", "192.0.2.12", NULL },
        { "factory.talos.dev", "192.0.2.13", NULL }, { "gcr.io", "192.0.2.14", NULL }, { "api.hetzner.cloud", "192.0.2.15", NULL },
        { "ipv4only.arpa", "192.0.0.170", NULL },
        { "registry.k8s.io", "192.0.2.20", "2001:db8:feed::20" }, { "quay.io", "192.0.2.21", "2001:db8:feed::21" },
        { "registry-1.docker.io", "192.0.2.22", "2001:db8:feed::22" }, { "auth.docker.io", "192.0.2.23", "2001:db8:feed::23" },
        { "docker.io", "192.0.2.24", "2001:db8:feed::24" }, { "helm.cilium.io", "192.0.2.25", "2001:db8:feed::25" },
        { "discovery.talos.dev", "192.0.2.26", "2001:db8:feed::26" }, { "ntp1.hetzner.de", "192.0.2.27", "2001:db8:feed::27" },
        { "ntp2.hetzner.com", "192.0.2.28", "2001:db8:feed::28" }, { "ntp3.hetzner.net", "192.0.2.29", "2001:db8:feed::29" },
        { "time.cloudflare.com", "192.0.2.30", "2001:db8:feed::30" },
};

struct resolver { struct sim_dns *dns; struct ip6_prefix nat64; bool has_nat64; int fd; struct loop_watch *watch; };

struct sim_dns {
        struct sim_world *world;
        struct resolver resolvers[ARRAY_SIZE(resolvers)];
        struct listener **nat64;         /* port 443 of synthesized addresses */
        size_t n_nat64;
        struct listener **direct;        /* port 443 of hosts with AAAA */
        size_t n_direct;
};

/* ---- the protocol (RFC 1035): one question, at most one answer ---- */

enum { TYPE_A = 1, TYPE_AAAA = 28, NXDOMAIN = 3 };

/* Reads the name at offset 12; the offset behind it, or 0. */
static size_t read_name(const uint8_t *p, size_t n, char name[static 256]) {
        size_t at = 12, out = 0;

        while (at < n && p[at]) {
                size_t len = p[at++];
                if (len > 63 || at + len >= n || out + len + 2 > 255)
                        return 0;
                if (out)
                        name[out++] = '.';
                for (size_t i = 0; i < len; i++)
                        name[out++] = (char) tolower(p[at++]);
        }
        name[out] = '\0';
        return at < n ? at + 1 : 0;
}

static struct ip6_addr synthesize(const struct ip6_prefix *nat64, const char *ip4) {
        struct ip6_addr a = nat64->addr;
        struct in_addr four;

        inet_pton(AF_INET, ip4, &four);
        memcpy(a.b + 12, &four.s_addr, 4);
        return a;
}

size_t sim_dns_answer(const uint8_t *q, size_t n, const struct ip6_prefix *nat64, uint8_t ret[static 512]) {
        char name[256];
        size_t end = n >= 17 ? read_name(q, n, name) : 0;

        if (!end || end + 4 > n || end + 4 + 28 > 512)
                return 0;
        unsigned type = (unsigned) q[end] << 8 | q[end + 1];
        size_t host = 0;
        while (host < ARRAY_SIZE(hosts) && !str_eq(hosts[host].name, name))
                host++;
        memcpy(ret, q, end + 4);
        ret[2] = 0x81;                   /* an answer; recursion was wanted … */
        ret[3] = 0x80;                   /* … and is available */
        memset(ret + 6, 0, 6);
        ret[4] = 0;
        ret[5] = 1;
        if (host == ARRAY_SIZE(hosts)) {
                ret[3] |= NXDOMAIN;
                return end + 4;
        }
        struct ip6_addr a;
        bool six = type == TYPE_AAAA && (hosts[host].ip6 ? ip6_parse(hosts[host].ip6, &a) : nat64 != NULL);
        if (!six && type != TYPE_A)
                return end + 4;          /* the name exists without that type */
        if (six && !hosts[host].ip6)
                a = synthesize(nat64, hosts[host].ip4);
        static const uint8_t head[] = { 0xc0, 12, 0, 0, 0, 1, 0, 0, 0, 60, 0, 0 };
        uint8_t *out = ret + end + 4;
        memcpy(out, head, sizeof(head));
        out[3] = (uint8_t) type;
        out[11] = six ? 16 : 4;
        if (six)
                memcpy(out + 12, a.b, 16);
        else
                inet_pton(AF_INET, hosts[host].ip4, out + 12);
        ret[7] = 1;
        return end + 4 + 12 + out[11];
}

static void readable(void *data, uint32_t events) {
        struct resolver *r = data;
        struct sockaddr_in6 from;
        socklen_t from_len = sizeof(from);
        uint8_t question[512], answer[512];
        ssize_t n;

        (void) events;
        while ((n = recvfrom(r->fd, question, sizeof(question), MSG_DONTWAIT, (struct sockaddr *) &from, &from_len)) > 0) {
                if (r->has_nat64 && sim_fault_on(r->dns->world, "dns64-down"))
                        continue;
                size_t len = sim_dns_answer(question, (size_t) n, r->has_nat64 ? &r->nat64 : NULL, answer);
                if (len)
                        (void) sendto(r->fd, answer, len, MSG_DONTWAIT, (struct sockaddr *) &from, from_len);
                from_len = sizeof(from);
        }
}

static int open_resolver(struct sim_dns *d, size_t i, struct error *err) {
        struct resolver *r = &d->resolvers[i];
        struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_port = htons(53) };
        int on = 1;

        r->dns = d;
        r->has_nat64 = resolvers[i].nat64 && ip6_prefix_parse(resolvers[i].nat64, &r->nat64, NULL);
        inet_pton(AF_INET6, resolvers[i].address, &a.sin6_addr);
        r->fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (r->fd < 0 || setsockopt(r->fd, IPPROTO_IPV6, IPV6_FREEBIND, &on, sizeof(on)) < 0 || bind(r->fd, (struct sockaddr *) &a, sizeof(a)) < 0)
                return error_set_errno(err, "listening on [%s]:53", resolvers[i].address);
        return loop_watch_add(d->world->loop, r->fd, 1 /* EPOLLIN */, readable, r, &r->watch, err);
}

/* ---- port 443 ---- */

static void accepted(void *data, struct conn *c) {
        (void) data;
        conn_drop(c);                    /* that it answers is all that is needed */
}

static int listen_443(struct sim_dns *d, const struct ip6_addr *a, struct listener ***list, size_t *n, struct error *err) {
        struct listener *l = NULL;

        if (listener_new(d->world->loop, a, 443, NULL, accepted, d, &l, err) < 0)
                return -1;
        ARRAY_APPEND(*list, *n, l);
        return 0;
}

static void close_all(struct listener ***list, size_t *n) {
        for (size_t i = 0; i < *n; i++)
                listener_free((*list)[i]);
        free(*list);
        *list = NULL;
        *n = 0;
}

static int open_nat64(struct sim_dns *d, struct error *err) {
        for (size_t r = 0; r < ARRAY_SIZE(resolvers); r++)
                for (size_t h = 0; d->resolvers[r].has_nat64 && h < ARRAY_SIZE(hosts); h++) {
                        if (hosts[h].ip6)
                                continue;
                        struct ip6_addr a = synthesize(&d->resolvers[r].nat64, hosts[h].ip4);
                        if (listen_443(d, &a, &d->nat64, &d->n_nat64, err) < 0)
                                return -1;
                }
        return 0;
}

void sim_dns_faults_changed(struct sim_dns *d) {
        struct error err = ERROR_INIT;
        bool down = sim_fault_holds(d->world, "nat64-down", NULL, 0) != NULL;

        if (down)
                close_all(&d->nat64, &d->n_nat64);
        else if (!d->nat64 && open_nat64(d, &err) < 0)
                sim_say(d->world, "%s", error_text(&err));
        error_done(&err);
}

int sim_dns_start(struct sim_world *w, struct sim_dns **ret, struct error *err) {
        struct sim_dns *d = xnew0(struct sim_dns);

        d->world = w;
        for (size_t i = 0; i < ARRAY_SIZE(resolvers); i++)
                d->resolvers[i].fd = -1;
        *ret = d;                        /* also on failure: sim_dns_stop() takes it apart */
        for (size_t i = 0; i < ARRAY_SIZE(resolvers); i++)
                if (open_resolver(d, i, err) < 0)
                        return -1;
        for (size_t h = 0; h < ARRAY_SIZE(hosts); h++) {
                struct ip6_addr a;
                if (hosts[h].ip6 && ip6_parse(hosts[h].ip6, &a) && listen_443(d, &a, &d->direct, &d->n_direct, err) < 0)
                        return -1;
        }
        sim_dns_faults_changed(d);
        return 0;
}

void sim_dns_stop(struct sim_dns *d) {
        if (!d)
                return;
        for (size_t i = 0; i < ARRAY_SIZE(resolvers); i++) {
                loop_watch_remove(&d->resolvers[i].watch);
                if (d->resolvers[i].fd >= 0)
                        close(d->resolvers[i].fd);
        }
        close_all(&d->nat64, &d->n_nat64);
        close_all(&d->direct, &d->n_direct);
        free(d);
}
