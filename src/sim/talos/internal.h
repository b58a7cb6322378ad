/* Inside the simulated Talos: the node, its services, its events, and one call of its API. */
#pragma once

#include "sim/net/http2.h"
#include "sim/talos/proto.h"
#include "sim/talos/talos.h"
#include "sim/world/spoil.h"

#define TALOS_API_PORT 50000
#define TALOS_TRUSTD_PORT 50001

enum grpc_status {
        GRPC_OK = 0,
        GRPC_UNKNOWN = 2,
        GRPC_INVALID_ARGUMENT = 3,
        GRPC_NOT_FOUND = 5,
        GRPC_ALREADY_EXISTS = 6,
        GRPC_PERMISSION_DENIED = 7,
        GRPC_FAILED_PRECONDITION = 9,
        GRPC_UNIMPLEMENTED = 12,
        GRPC_INTERNAL = 13,
        GRPC_UNAVAILABLE = 14,
};

/* What a caller may be, as bits (talos: pkg/machinery/role). */
enum talos_role { ROLE_READER = 1, ROLE_OPERATOR = 2, ROLE_ADMIN = 4, ROLE_ETCD_BACKUP = 8, ROLE_META_WRITER = 16 };
#define ROLE_ANY (ROLE_READER | ROLE_OPERATOR | ROLE_ADMIN)
#define ROLE_OPERATE (ROLE_OPERATOR | ROLE_ADMIN)

struct service_event { char *state, *message; int64_t at_ms; };
struct talos_service {
        const char *id;
        char *state;                     /* "Running" */
        bool healthy, unknown;
        char *health_message;
        int64_t health_at_ms;
        struct service_event *events;
        size_t n_events;
};

/* One record of the event stream (machine.Event). */
struct talos_event { char *id, *actor, *type; struct strbuf value; };

struct grpc_call;

struct sim_talos {
        struct sim_machine *machine;
        struct sim_world *world;
        enum sim_stage stage;
        char *reason;                    /* why it is not further, for /state; or NULL */
        struct sim_config *config;       /* accepted one, or NULL */
        unsigned applied;                /* configs accepted since boot */
        unsigned rejected;
        int64_t boot_ms;
        char *boot_id;
        bool maintenance;
        bool applying;                   /* an accepted config is taking effect */
        bool api_up;
        bool cri_up;
        int metadata_stolen;             /* the route's fate in this boot: 0 not drawn yet, 1 safe, 2 stolen */
        struct cert_pair serving;        /* apid's certificate */
        struct sim_tls_spoil spoil;      /* broken handshakes */
        struct http2_server *server;
        struct listener *trustd;
        unsigned trustd_port;
        struct loop_timer *phase_timer, *cri_timer, *trustd_timer, *stop_timer, *try_timer, *poll_timer;
        struct net_probe *trustd_probe;
        struct sim_config *before_try;
        void (*stop_action)(struct sim_machine *m);
        char *stop_actor;                        /* the call that asked for it */
        bool stop_wipes_state, stop_wipes_etcd, stop_wipes_all;
        struct talos_service *services;
        size_t n_services;
        struct talos_event *events;
        size_t n_events;
        uint64_t event_sequence;
        struct strv dmesg;
        struct grpc_call **calls;        /* streams that stay open */
        size_t n_calls;
        uint64_t version;                /* of COSI resources: grows with each change */
        enum sim_stage told_stage;       /* last MachineStatusEvent */
        bool told_ready;
        bool changed_waits;
};

/* State shared by all machines (sim_world.talos). */
struct talos_world {
        unsigned api_port, trustd_port;  /* 50000 and 50001; tests that have only ::1 choose others */
};
struct talos_world *talos_world(struct sim_world *w);

/* --- node.c: the life of a node --- */
bool talos_metadata_stolen(struct sim_talos *t);
bool talos_time_synced(const struct sim_talos *t);
bool talos_etcd_present(const struct sim_talos *t);
void talos_apply(struct sim_talos *t,
                 struct sim_config *config); /* accepted in maintenance, or in place; takes a reference of its own */
void talos_store(struct sim_talos *t, const struct sim_config *config);  /* writes STATE */
/* Goes down after the stop latency: action is sim_hetzner_reset or sim_hetzner_power_off. */
void talos_stop(struct sim_talos *t, enum sim_stage stage, const char *sequence, const char *actor,
                void (*action)(struct sim_machine *m));
void talos_say(struct sim_talos *t, const char *fmt, ...) _printf_(2, 3);        /* a line of the kernel log */
void talos_set_reason(struct sim_talos *t, const char *reason);
void talos_refresh(struct sim_talos *t); /* looks again at what kube knows, at once: before an answer */
void talos_touch(struct sim_talos *t); /* something changed: services, events and watches follow, once, soon */
/* Running and every control plane that this node knows of (discovery): machines with the same cluster. */
bool talos_same_cluster(const struct sim_talos *a, const struct sim_talos *b);
int talos_serve(struct sim_talos *t, struct error *err); /* (re)starts the API with the certificate in t->serving */
int talos_issue_certificate(struct sim_talos *t, struct error *err);

/* --- services.c --- */
void talos_services_update(struct sim_talos *t);
void talos_services_done(struct sim_talos *t);
const struct talos_service *talos_service_find(const struct sim_talos *t, const char *id);
/* Ready, and if not why: name and reason are borrowed. */
struct unmet { const char *name; char reason[160]; };
size_t talos_unmet(const struct sim_talos *t, struct unmet *ret, size_t max);
void talos_write_services(struct sim_talos *t, struct strbuf *reply);    /* body of machine.ServiceList without metadata */

/* --- events.c --- */
void talos_event(struct sim_talos *t, const char *type, const char *actor, const struct strbuf *value);
void talos_event_sequence(struct sim_talos *t, const char *sequence, unsigned action, const char *actor);
void talos_event_task(struct sim_talos *t, const char *task, unsigned action, const char *actor);
void talos_event_status(struct sim_talos *t);                            /* MachineStatusEvent when it differs from the last */
void talos_events_done(struct sim_talos *t);
void talos_events_handler(struct grpc_call *c);

/* --- grpc.c: one call --- */
struct grpc_call {
        struct sim_talos *talos;         /* the node that answers: the one dialled, or the one it is proxied to */
        struct http2_stream *stream;
        const char *method;
        const uint8_t *request;
        size_t request_len;
        unsigned roles;
        char *node;                      /* name to put in metadata.hostname: `nodes` was used; or NULL */
        bool merging;                    /* several nodes: answers are collected */
        struct strbuf merged;
        bool started, over;
        enum talos_spoil { TALOS_WHOLE, TALOS_DROP, TALOS_EMPTY, TALOS_SILENT, TALOS_GARBLED } spoil;     /* what a fault makes of the answer */
        void (*changed)(struct grpc_call *c);
        void *data;                      /* the handler's own, for streams that stay open */
        void (*data_free)(void *data);
};
void talos_grpc_request(void *data, struct http2_stream *s);             /* http2_handler; data is the sim_talos */
/* One message of an answer; more may follow. */
void grpc_send(struct grpc_call *c, const struct strbuf *message);
/* A reply "XResponse { repeated X messages = 1; }": adds metadata to x, wraps it and ends the call. x may be NULL: an empty
 * element. */
void grpc_reply(struct grpc_call *c, struct strbuf *x);
void grpc_finish(struct grpc_call *c);
void grpc_fail(struct grpc_call *c, enum grpc_status code, const char *fmt, ...) _printf_(3, 4);
void grpc_metadata(struct grpc_call *c, struct strbuf *b); /* adds common.Metadata as field 1 when the caller named nodes */
/* A call that stays open is listed in the node until it ends; changed(c) is called by talos_touch. */
void grpc_keep(struct grpc_call *c, void (*changed)(struct grpc_call *c));

/* --- the methods: machine.c, machine-info.c, cosi.c --- */
struct grpc_method {
        const char *path;
        unsigned roles;
        unsigned since;                  /* minor version of Talos */
        bool maintenance;                /* answered in maintenance mode too */
        void (*handler)(struct grpc_call *c);
};
const struct grpc_method *grpc_method_find(const char *path);
extern const struct grpc_method machine_methods[], machine_info_methods[], etcd_methods[],
        cosi_methods[]; /* end with a NULL path */

/* kubeconfig.c: what the Kubeconfig call sends, a gzipped tar with one file. */
int talos_kubeconfig_archive(struct sim_talos *t, struct strbuf *ret, struct error *err);
