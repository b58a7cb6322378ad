/* Calls of machine.MachineService about etcd. */
#include "talos/api-private.h"

static void member_done(struct talos_etcd_member *m) {
        free(m->hostname);
        strv_done(&m->peer_urls);
        strv_done(&m->client_urls);
}

void talos_etcd_members_done(struct talos_etcd_members *m) {
        if (!m)
                return;
        for (size_t i = 0; i < m->n; i++)
                member_done(&m->items[i]);
        free(m->items);
        *m = (struct talos_etcd_members) { 0 };
}

static int member_field(const struct proto_field *f, void *into, struct error *err) {
        struct talos_etcd_member *m = into;
        switch (f->number) {
        case 2: return proto_get_uint(f, &m->id, err);
        case 3: return proto_get_str(f, &m->hostname, err);
        case 4: return proto_get_strv(f, &m->peer_urls, err);
        case 5: return proto_get_strv(f, &m->client_urls, err);
        case 6: return proto_get_bool(f, &m->learner, err);
        default: return 0;
        }
}

static int members_field(const struct proto_field *f, void *into, struct error *err) {
        struct talos_etcd_members *all = into;
        if (f->number != 3)
                return 0;
        if (all->n >= PROTO_MAX_ITEMS)
                return error_set(err, ERR_PROTOCOL, "more than %d etcd members", PROTO_MAX_ITEMS);
        ARRAY_APPEND(all->items, all->n, (struct talos_etcd_member) { 0 });
        return proto_each_in(f, "EtcdMember", member_field, &all->items[all->n - 1], err);
}

int talos_etcd_member_list(const struct talos_client *c, bool query_local, struct talos_etcd_members *ret, struct error *err) {
        _cleanup_(talos_etcd_members_done) struct talos_etcd_members all = { 0 };
        _cleanup_strbuf_ struct strbuf request = STRBUF_INIT;
        proto_put_bool(&request, 1, query_local);
        if (api_machine(c, MACHINE_SERVICE "EtcdMemberList", &request, 15000, members_field, &all, NULL, err) < 0)
                return -1;
        *ret = all;
        all = (struct talos_etcd_members) { 0 };
        return 0;
}

void talos_etcd_status_done(struct talos_etcd_status *s) {
        if (!s)
                return;
        free(s->protocol_version);
        free(s->storage_version);
        strv_done(&s->errors);
        *s = (struct talos_etcd_status) { 0 };
}

static int status_member_field(const struct proto_field *f, void *into, struct error *err) {
        struct talos_etcd_status *s = into;
        switch (f->number) {
        case 1: return proto_get_str(f, &s->protocol_version, err);
        case 2: return proto_get_int(f, &s->db_size, err);
        case 3: return proto_get_int(f, &s->db_size_in_use, err);
        case 4: return proto_get_uint(f, &s->leader, err);
        case 5: return proto_get_uint(f, &s->raft_index, err);
        case 6: return proto_get_uint(f, &s->raft_term, err);
        case 7: return proto_get_uint(f, &s->raft_applied_index, err);
        case 8: return proto_get_strv(f, &s->errors, err);
        case 9: return proto_get_bool(f, &s->learner, err);
        case 10: return proto_get_uint(f, &s->member_id, err);
        case 11: return proto_get_str(f, &s->storage_version, err);
        default: return 0;
        }
}

static int status_field(const struct proto_field *f, void *into, struct error *err) {
        return f->number == 2 ? proto_each_in(f, "EtcdMemberStatus", status_member_field, into, err) : 0;
}

int talos_etcd_status(const struct talos_client *c, struct talos_etcd_status *ret, struct error *err) {
        _cleanup_(talos_etcd_status_done) struct talos_etcd_status s = { 0 };
        if (api_machine(c, MACHINE_SERVICE "EtcdStatus", NULL, 15000, status_field, &s, NULL, err) < 0)
                return -1;
        *ret = s;
        s = (struct talos_etcd_status) { 0 };
        return 0;
}

int talos_etcd_leave_cluster(const struct talos_client *c, struct error *err) {
        return api_machine_plain(c, MACHINE_SERVICE "EtcdLeaveCluster", NULL, 60000, err);
}

int talos_etcd_remove_member(const struct talos_client *c, uint64_t id, struct error *err) {
        _cleanup_strbuf_ struct strbuf request = STRBUF_INIT;
        proto_put_uint(&request, 1, id);
        return api_machine_plain(c, MACHINE_SERVICE "EtcdRemoveMemberByID", &request, 30000, err);
}

static int forfeit_field(const struct proto_field *f, void *into, struct error *err) {
        return f->number == 2 ? proto_get_str(f, into, err) : 0;
}

int talos_etcd_forfeit_leadership(const struct talos_client *c, char **ret_member, struct error *err) {
        _cleanup_str_ char *member = NULL;
        if (api_machine(c, MACHINE_SERVICE "EtcdForfeitLeadership", NULL, 30000, forfeit_field, &member, NULL, err) < 0)
                return -1;
        if (ret_member)
                *ret_member = str_empty(member) ? NULL : TAKE(member);
        return 0;
}
