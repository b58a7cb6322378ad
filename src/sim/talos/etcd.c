/* MachineService, etcd. Members and health are kube's; this puts them on the wire. */
#include <stdio.h>

#include "sim/kube/kube.h"
#include "sim/talos/internal.h"

#define MEMBERS_MAX 64

/* api is Talos' own name of the call (v1alpha1_server.go: checkControlplane()). */
static bool etcd_ready(struct grpc_call *c, const char *api) {
        if (!c->talos->config->control_plane)
                grpc_fail(c, GRPC_UNIMPLEMENTED, "%s is only available on control plane nodes", api);
        else if (!sim_kube_etcd_running(c->talos->machine))
                grpc_fail(c, GRPC_UNAVAILABLE, "etcdserver: etcd is not running on this node");
        else
                return true;
        return false;
}

static size_t members_of(struct grpc_call *c, struct sim_etcd_member *ret) {
        return sim_kube_etcd_members(c->talos->machine, ret, MEMBERS_MAX);
}

static const struct sim_etcd_member *own_member(struct grpc_call *c, const struct sim_etcd_member *members, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (ip6_equal(&members[i].addr, &c->talos->machine->addr))
                        return &members[i];
        return NULL;
}

static void member_list(struct grpc_call *c) {
        _cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
        struct sim_etcd_member members[MEMBERS_MAX];
        if (!etcd_ready(c, "member list"))
                return;
        size_t n = members_of(c, members);
        for (size_t i = 0; i < n; i++)
                pb_text(&b, 2, members[i].hostname);
        for (size_t i = 0; i < n; i++) {
                _cleanup_strbuf_ struct strbuf m = STRBUF_INIT;
                _cleanup_str_ char *peer = ip6_bracket(&members[i].addr, 2380), *client = ip6_bracket(&members[i].addr, 2379);
                _cleanup_str_ char *peer_url = xasprintf("https://%s", peer), *client_url = xasprintf("https://%s", client);
                pb_uint(&m, 2, members[i].id);
                pb_text(&m, 3, members[i].hostname);
                pb_text(&m, 4, peer_url);
                if (!members[i].learner)
                        pb_text(&m, 5, client_url);
                pb_bool(&m, 6, members[i].learner);
                pb_message(&b, 3, &m);
        }
        grpc_reply(c, &b);
}

static void status(struct grpc_call *c) {
        _cleanup_strbuf_ struct strbuf b = STRBUF_INIT, s = STRBUF_INIT;
        struct sim_etcd_member members[MEMBERS_MAX];
        if (!etcd_ready(c, "etcd status"))
                return;
        size_t n = members_of(c, members);
        const struct sim_etcd_member *own = own_member(c, members, n);
        pb_text(&s, 1, "3.6.12");
        pb_uint(&s, 2, 20u << 20);
        pb_uint(&s, 3, 8u << 20);
        pb_uint(&s, 4, n ? members[0].id : 0);
        pb_uint(&s, 5, 1000);
        pb_uint(&s, 6, 2);
        pb_uint(&s, 7, 1000);
        pb_bool(&s, 9, own && own->learner);
        pb_uint(&s, 10, own ? own->id : 0);
        pb_text(&s, 11, "3.6.0");
        pb_message(&b, 2, &s);
        grpc_reply(c, &b);
}

static void forfeit(struct grpc_call *c) {
        _cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
        struct sim_etcd_member members[MEMBERS_MAX];
        if (!etcd_ready(c, "etcd forfeit leadership"))
                return;
        size_t n = members_of(c, members);
        /* The first member leads here; with another one there leadership moves to it, else the answer is empty. */
        const struct sim_etcd_member *own = own_member(c, members, n);
        if (own == &members[0] && n > 1)
                pb_text(&b, 2, members[1].hostname);
        grpc_reply(c, &b);
}

static void remove_member(struct grpc_call *c, uint64_t id, bool own) {
        if (!sim_kube_etcd_remove(c->talos->machine, id)) {
                grpc_fail(c, GRPC_NOT_FOUND, "etcdserver: member not found");
        } else {
                if (own)
                        c->talos->machine->etcd_data = false;
                talos_touch(c->talos);
                grpc_reply(c, NULL);
        }
}

static void leave(struct grpc_call *c) {
        struct sim_etcd_member members[MEMBERS_MAX];
        if (!etcd_ready(c, "etcd leave"))
                return;
        size_t n = members_of(c, members);
        const struct sim_etcd_member *own = own_member(c, members, n);
        if (!own)
                grpc_fail(c, GRPC_NOT_FOUND, "etcdserver: member not found");
        else
                remove_member(c, own->id, true);
}

static void remove_by_id(struct grpc_call *c) {
        struct pb_reader r = pb_reader(c->request, c->request_len);
        struct pb_value v;
        uint64_t id = 0;
        while (pb_next(&r, &v))
                if (v.field == 1)
                        id = v.number;
        if (etcd_ready(c, "etcd remove member"))
                remove_member(c, id, false);
}

static void alarm_list(struct grpc_call *c) {
        if (etcd_ready(c, "etcd alarm list"))
                grpc_reply(c, NULL);
}

#define MS "/machine.MachineService/"
const struct grpc_method etcd_methods[] = {
        { MS "EtcdMemberList", ROLE_ANY, 0, false, member_list },
        { MS "EtcdStatus", ROLE_ANY, 0, false, status },
        { MS "EtcdForfeitLeadership", ROLE_ADMIN, 0, false, forfeit },
        { MS "EtcdLeaveCluster", ROLE_ADMIN, 0, false, leave },
        { MS "EtcdRemoveMemberByID", ROLE_ADMIN, 0, false, remove_by_id },
        { MS "EtcdAlarmList", ROLE_ANY, 0, false, alarm_list },
        { NULL, 0, 0, false, NULL },
};
