/* Calls of machine.MachineService about the machine as a whole. */
#include "talos/api-private.h"

/* ---- ApplyConfiguration ---- */

void talos_apply_result_done(struct talos_apply_result *r) {
        if (!r)
                return;
        free(r->mode_details);
        strv_done(&r->warnings);
        *r = (struct talos_apply_result) { 0 };
}

static int apply_field(const struct proto_field *f, void *into, struct error *err) {
        struct talos_apply_result *r = into;
        int64_t mode = 0;
        switch (f->number) {
        case 2: return proto_get_strv(f, &r->warnings, err);
        case 3:
                if (proto_get_int(f, &mode, err) < 0)
                        return -1;
                r->mode = (enum talos_apply_mode) mode;
                return 0;
        case 4: return proto_get_str(f, &r->mode_details, err);
        default: return 0;
        }
}

int talos_apply_config(const struct talos_client *c, const void *config, size_t len, enum talos_apply_mode mode, bool dry_run,
                       struct talos_apply_result *ret, struct error *err) {
        _cleanup_strbuf_ struct strbuf request = { .secret = true, .max = GRPC_MAX_MESSAGE };
        _cleanup_(talos_apply_result_done) struct talos_apply_result r = { 0 };
        proto_put_bytes(&request, 1, config, len);
        /* Absent means 0, REBOOT: refused by Talos 1.14 and a reboot before. */
        proto_put_uint_always(&request, 4, (uint64_t) mode);
        proto_put_bool(&request, 5, dry_run);
        if (strbuf_failed(&request))
                return error_set(err, ERR_INVALID, "the machine configuration is too big to be sent");
        if (api_machine(c, MACHINE_SERVICE "ApplyConfiguration", &request, 30000, apply_field, &r, NULL, err) < 0)
                return -1;
        if (ret) {
                *ret = r;
                r = (struct talos_apply_result) { 0 };
        }
        return 0;
}

/* ---- Bootstrap ---- */

int talos_bootstrap(const struct talos_client *c, struct error *err) {
        /* Talos itself waits 5 s for the time to be in sync before it answers. */
        return api_machine_plain(c, MACHINE_SERVICE "Bootstrap", NULL, 20000, err);
}

enum talos_bootstrap_verdict talos_bootstrap_verdict(const struct error *err) {
        const char *text = error_text(err);
        if (err->kind == ERR_CANCELLED || err->kind == ERR_BUG)
                return TALOS_BOOTSTRAP_FATAL;
        switch (err->grpc_status) {
        case GRPC_ALREADY_EXISTS:         /* "etcd data directory is not empty" */
                return TALOS_BOOTSTRAP_DONE_BEFORE;
        case GRPC_INVALID_ARGUMENT:       /* 1.14: "etcd is not configured, bootstrap is not possible" */
        case GRPC_PERMISSION_DENIED:
        case GRPC_UNAUTHENTICATED:
                return TALOS_BOOTSTRAP_FATAL;
        case GRPC_FAILED_PRECONDITION:    /* up to 1.12: "… can only be performed on a control plane node" */
        case GRPC_UNIMPLEMENTED:          /* since 1.13: "… is only available on control plane nodes"; else still in maintenance */
                return strstr(text, "on a control plane node") || strstr(text, "on control plane nodes") ? TALOS_BOOTSTRAP_FATAL
                                                                                                         : TALOS_BOOTSTRAP_RETRY;
        default:                          /* UNKNOWN, UNAVAILABLE, DEADLINE_EXCEEDED, transport and TLS while the API changes over */
                return TALOS_BOOTSTRAP_RETRY;
        }
}

/* ---- Version ---- */

void talos_version_info_done(struct talos_version_info *v) {
        if (!v)
                return;
        free(v->hostname);
        free(v->tag);
        free(v->sha);
        free(v->arch);
        free(v->platform);
        free(v->platform_mode);
        *v = (struct talos_version_info) { 0 };
}

static int version_info_field(const struct proto_field *f, void *into, struct error *err) {
        struct talos_version_info *v = into;
        switch (f->number) {
        case 1: return proto_get_str(f, &v->tag, err);
        case 2: return proto_get_str(f, &v->sha, err);
        case 6: return proto_get_str(f, &v->arch, err);
        default: return 0;
        }
}

static int platform_field(const struct proto_field *f, void *into, struct error *err) {
        struct talos_version_info *v = into;
        switch (f->number) {
        case 1: return proto_get_str(f, &v->platform, err);
        case 2: return proto_get_str(f, &v->platform_mode, err);
        default: return 0;
        }
}

static int version_field(const struct proto_field *f, void *into, struct error *err) {
        switch (f->number) {
        case 2: return proto_each_in(f, "VersionInfo", version_info_field, into, err);
        case 3: return proto_each_in(f, "PlatformInfo", platform_field, into, err);
        default: return 0;
        }
}

int talos_version(const struct talos_client *c, struct talos_version_info *ret, struct error *err) {
        _cleanup_(talos_version_info_done) struct talos_version_info v = { 0 };
        if (api_machine(c, MACHINE_SERVICE "Version", NULL, 10000, version_field, &v, &v.hostname, err) < 0)
                return -1;
        *ret = v;
        v = (struct talos_version_info) { 0 };
        return 0;
}

/* ---- Hostname ---- */

static int second_string(const struct proto_field *f, void *into, struct error *err) {
        return f->number == 2 ? proto_get_str(f, into, err) : 0;
}

int talos_hostname(const struct talos_client *c, char **ret, struct error *err) {
        _cleanup_str_ char *name = NULL;
        if (api_machine(c, MACHINE_SERVICE "Hostname", NULL, 10000, second_string, &name, NULL, err) < 0)
                return -1;
        *ret = name ? TAKE(name) : xstrdup("");
        return 0;
}

/* ---- ServiceList ---- */

static void service_done(struct talos_service *s) {
        free(s->id);
        free(s->state);
        free(s->health_message);
        free(s->last_event);
        free(s->last_event_state);
        *s = (struct talos_service) { 0 };
}

void talos_services_done(struct talos_services *s) {
        if (!s)
                return;
        for (size_t i = 0; i < s->n; i++)
                service_done(&s->items[i]);
        free(s->items);
        *s = (struct talos_services) { 0 };
}

const struct talos_service *talos_services_find(const struct talos_services *s, const char *id) {
        for (size_t i = 0; i < s->n; i++)
                if (str_eq(s->items[i].id, id))
                        return &s->items[i];
        return NULL;
}

static int event_field(const struct proto_field *f, void *into, struct error *err) {
        struct talos_service *s = into;
        switch (f->number) {
        case 1: return proto_get_str(f, &s->last_event, err);
        case 2: return proto_get_str(f, &s->last_event_state, err);
        default: return 0;
        }
}

static int events_field(const struct proto_field *f, void *into, struct error *err) {
        struct talos_service *s = into;
        if (f->number != 1)
                return 0;
        /* Repeated elements, oldest first: each begins anew, the last one stays. */
        free(s->last_event);
        free(s->last_event_state);
        s->last_event = NULL;
        s->last_event_state = NULL;
        return proto_each_in(f, "ServiceEvent", event_field, s, err);
}

static int health_field(const struct proto_field *f, void *into, struct error *err) {
        struct talos_service *s = into;
        switch (f->number) {
        case 1: return proto_get_bool(f, &s->health_unknown, err);
        case 2: return proto_get_bool(f, &s->healthy, err);
        case 3: return proto_get_str(f, &s->health_message, err);
        default: return 0;
        }
}

static int service_field(const struct proto_field *f, void *into, struct error *err) {
        struct talos_service *s = into;
        switch (f->number) {
        case 1: return proto_get_str(f, &s->id, err);
        case 2: return proto_get_str(f, &s->state, err);
        case 3: return proto_each_in(f, "ServiceEvents", events_field, s, err);
        case 4: return proto_each_in(f, "ServiceHealth", health_field, s, err);
        default: return 0;
        }
}

static int services_field(const struct proto_field *f, void *into, struct error *err) {
        struct talos_services *all = into;
        if (f->number != 2)
                return 0;
        if (all->n >= PROTO_MAX_ITEMS)
                return error_set(err, ERR_PROTOCOL, "more than %d services", PROTO_MAX_ITEMS);
        ARRAY_APPEND(all->items, all->n, (struct talos_service) { 0 });
        return proto_each_in(f, "ServiceInfo", service_field, &all->items[all->n - 1], err);
}

int talos_service_list(const struct talos_client *c, struct talos_services *ret, struct error *err) {
        _cleanup_(talos_services_done) struct talos_services all = { 0 };
        if (api_machine(c, MACHINE_SERVICE "ServiceList", NULL, 10000, services_field, &all, NULL, err) < 0)
                return -1;
        *ret = all;
        all = (struct talos_services) { 0 };
        return 0;
}

/* ---- power ---- */

int talos_reboot(const struct talos_client *c, enum talos_reboot_mode mode, struct error *err) {
        _cleanup_strbuf_ struct strbuf request = STRBUF_INIT;
        proto_put_uint(&request, 1, (uint64_t) mode);
        return api_machine_plain(c, MACHINE_SERVICE "Reboot", &request, 20000, err);
}

int talos_shutdown(const struct talos_client *c, bool force, struct error *err) {
        _cleanup_strbuf_ struct strbuf request = STRBUF_INIT;
        proto_put_bool(&request, 1, force);
        return api_machine_plain(c, MACHINE_SERVICE "Shutdown", &request, 20000, err);
}

int talos_reset(const struct talos_client *c, const struct talos_reset_options *o, struct error *err) {
        _cleanup_strbuf_ struct strbuf request = STRBUF_INIT;
        proto_put_bool(&request, 1, o->graceful);
        proto_put_bool(&request, 2, o->reboot);
        for (size_t i = 0; i < o->n_partitions; i++) {
                _cleanup_strbuf_ struct strbuf partition = STRBUF_INIT;
                proto_put_str(&partition, 1, o->partitions[i]);
                proto_put_bool(&partition, 2, true);
                proto_put_message(&request, 3, &partition);
        }
        return api_machine_plain(c, MACHINE_SERVICE "Reset", &request, 20000, err);
}
