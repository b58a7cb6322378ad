/* The firewalls as an nftables table. Each firewall is a chain of accepts; each combination of firewalls that some server has is a chain that
 * tries them and drops; a map sends a server's /64 to its combination. A server without a firewall, or with one that is still pending, is
 * not in the map: everything passes. Stateful as the real one: what belongs to an accepted connection passes. */
#include "sim/hetzner/internal.h"

#include "sim/world/firewall.h"

static void add_rule(struct strbuf *b, const struct cloud_rule *r) {
        _cleanup_strbuf_ struct strbuf cidrs = STRBUF_INIT;
        bool any = false;

        for (size_t i = 0; i < r->cidrs.n; i++) {
                if (!strchr(r->cidrs.items[i], ':'))
                        continue;                        /* IPv4: nothing in this world speaks it */
                any |= str_eq(r->cidrs.items[i], "::/0");
                strbuf_addf(&cidrs, "%s%s", cidrs.len ? ", " : "", r->cidrs.items[i]);
        }
        if (!cidrs.len)
                return;
        strbuf_adds(b, "    ");
        if (!any)
                strbuf_addf(b, "ip6 %s { %s } ", r->in ? "saddr" : "daddr", strbuf_str(&cidrs));
        if (str_eq(r->protocol, "tcp") || str_eq(r->protocol, "udp")) {
                if (r->port_from == 1 && r->port_to == 65535)
                        strbuf_addf(b, "meta l4proto %s accept\n", r->protocol);
                else if (r->port_from == r->port_to)
                        strbuf_addf(b, "%s dport %u accept\n", r->protocol, r->port_from);
                else
                        strbuf_addf(b, "%s dport %u-%u accept\n", r->protocol, r->port_from, r->port_to);
        } else {
                strbuf_addf(b, "meta l4proto %s accept\n", str_eq(r->protocol, "icmp") ? "ipv6-icmp" : r->protocol);
        }
}

static bool has_out(const struct cloud_firewall *f) {
        for (size_t i = 0; f && i < f->n_enforced; i++)
                if (!f->enforced[i].in)
                        return true;
        return false;
}

/* Overlapping prefixes in one anonymous set are refused by nft unless merged. */
static void add_chains(struct sim_hetzner *c, struct strbuf *b) {
        CLOUD_EACH(c, KIND_FIREWALL, struct cloud_firewall, f)
                for (int in = 0; in < 2; in++) {
                        strbuf_addf(b, "  chain fw_%lld_%s {\n", (long long) f->o.id, in ? "in" : "out");
                        for (size_t i = 0; i < f->n_enforced; i++)
                                if (f->enforced[i].in == (in == 1))
                                        add_rule(b, &f->enforced[i]);
                        strbuf_adds(b, "  }\n");
                }
}

/* "12_34" for the enforced firewalls of a server; empty: none, or one that is pending. */
static char *combination(const struct cloud_server *s) {
        _cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

        for (size_t i = 0; i < s->n_firewalls; i++) {
                if (!s->firewalls[i].enforced)
                        return xstrdup("");
                strbuf_addf(&b, "%s%lld", b.len ? "_" : "", (long long) s->firewalls[i].firewall);
        }
        return strbuf_take(&b);
}

static void add_direction(struct sim_hetzner *c, struct strbuf *b, bool in) {
        _cleanup_strv_ struct strv known = { 0 };
        _cleanup_strbuf_ struct strbuf elements = STRBUF_INIT;
        const char *direction = in ? "in" : "out";

        CLOUD_EACH(c, KIND_SERVER, struct cloud_server, s) {
                char text[IP6_STR_MAX];
                _cleanup_str_ char *name = combination(s);
                bool filtered = in;
                for (size_t i = 0; i < s->n_firewalls; i++)
                        filtered |= has_out((struct cloud_firewall *) cloud_get(c, KIND_FIREWALL, s->firewalls[i].firewall));
                if (!*name || !filtered || !s->ipv6)
                        continue;
                strbuf_addf(&elements, "%s%s : jump all_%s_%s", elements.len ? ",\n      " : "", ip6_prefix_format(&s->machine.prefix, text), name,
                            direction);
                if (strv_has(&known, name))
                        continue;
                strv_add(&known, name);
                strbuf_addf(b, "  chain all_%s_%s {\n", name, direction);
                for (size_t i = 0; i < s->n_firewalls; i++)
                        strbuf_addf(b, "    jump fw_%lld_%s\n", (long long) s->firewalls[i].firewall, direction);
                strbuf_adds(b, "    drop\n  }\n");
        }
        strbuf_addf(b, "  map servers_%s {\n    type ipv6_addr : verdict\n    flags interval\n", direction);
        if (elements.len)
                strbuf_addf(b, "    elements = { %s }\n", strbuf_str(&elements));
        strbuf_adds(b, "  }\n");
        strbuf_addf(b, "  chain %s {\n    type filter hook %s priority 0; policy accept;\n    ct state established,related accept\n"
                    "    ip6 %s vmap @servers_%s\n  }\n", in ? "input" : "output", in ? "input" : "output", in ? "daddr" : "saddr", direction);
}

void sim_hetzner_filter(struct sim_world *w, const char *table, struct strbuf *b) {
        strbuf_addf(b, "table inet %s\ndelete table inet %s\ntable inet %s {\n", table, table, table);
        add_chains(w->hetzner, b);
        add_direction(w->hetzner, b, true);
        add_direction(w->hetzner, b, false);
        strbuf_adds(b, "}\n");
}
