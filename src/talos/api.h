/* Calls to one Talos node, over mutual TLS or in maintenance mode. Answers are plain structs; each has a …_done() that frees its
 * contents and is NULL-safe. Every call blocks its caller and may be made from any thread. No retries here: err->retryable,
 * err->ambiguous and err->grpc_status say what can be done (talos/grpc.h has the table).
 *
 * Proto facts: talos api/machine/machine.proto at v1.13.9, cosi-project/specification. */
#pragma once

#include "base/http.h"
#include "base/ip6.h"
#include "talos/grpc.h"

#define TALOS_API_PORT 50000

/* Whom to call and as whom. A plain value; everything in it is borrowed and must outlive the calls. */
struct talos_client {
        struct http_engine *engine;
        struct ip6_addr addr;
        unsigned port;                            /* 0 = 50000 */
        bool maintenance;                         /* no certificates on either side: a node without configuration */
        struct http_tls tls;                      /* secure: the Talos CA, our certificate and key (PEM; Talos' key label is fine) */
        const char *node;                         /* proxy: the call is for that node instead; or NULL */
        int64_t timeout_ms;                       /* of each call; 0 = 10 s (streams: 60 s) */
        bool fresh;                               /* a new connection for each call: after an apply or a reboot the peer is another one */
        const struct cancel *cancel;
};

/* Makes the two kinds of client. A secure one never falls back to maintenance. */
struct talos_client talos_client_secure(struct http_engine *engine, const struct ip6_addr *addr, const char *ca_pem,
                                        const char *crt_pem, const char *key_pem, const struct cancel *cancel);
struct talos_client talos_client_maintenance(struct http_engine *engine, const struct ip6_addr *addr, const struct cancel *cancel);

/* talos: cosi.resource.State/Get of MachineStatuses.runtime.talos.dev, id machine. The portable probe, in maintenance mode too. */
enum talos_stage {
        TALOS_STAGE_UNKNOWN, TALOS_STAGE_BOOTING, TALOS_STAGE_INSTALLING, TALOS_STAGE_MAINTENANCE, TALOS_STAGE_RUNNING,
        TALOS_STAGE_REBOOTING, TALOS_STAGE_SHUTTING_DOWN, TALOS_STAGE_RESETTING, TALOS_STAGE_UPGRADING,
};
const char *talos_stage_name(enum talos_stage stage);   /* "maintenance"; never NULL */
struct talos_unmet { char *name, *reason; };
struct talos_machine_status {
        enum talos_stage stage;
        bool ready;
        struct talos_unmet *unmet;
        size_t n_unmet;
};
void talos_machine_status_done(struct talos_machine_status *s);
int talos_machine_status(const struct talos_client *c, struct talos_machine_status *ret, struct error *err);
/* "running, not ready: nodeReady (node is not ready)"; owned. */
char *talos_machine_status_text(const struct talos_machine_status *s);

/* talos: machine.MachineService/ApplyConfiguration. The mode is always on the wire, since 0 is REBOOT and Talos 1.14 refuses it.
 * Talos up to 1.12 takes only AUTO, REBOOT and TRY in maintenance mode. The answer can be lost because the API restarts with new
 * certificates: on an ambiguous error ask again with the secure client. ERR_INVALID (UNKNOWN before 1.13): the configuration is bad. */
enum talos_apply_mode { TALOS_APPLY_REBOOT = 0, TALOS_APPLY_AUTO = 1, TALOS_APPLY_NO_REBOOT = 2, TALOS_APPLY_STAGED = 3, TALOS_APPLY_TRY = 4 };
struct talos_apply_result {
        enum talos_apply_mode mode;               /* what it did */
        char *mode_details;
        struct strv warnings;
};
void talos_apply_result_done(struct talos_apply_result *r);
int talos_apply_config(const struct talos_client *c, const void *config, size_t len, enum talos_apply_mode mode, bool dry_run,
                       struct talos_apply_result *ret, struct error *err);     /* ret may be NULL */

/* talos: machine.MachineService/Bootstrap: starts a one-member etcd. Success or ERR_EXISTS says nothing about etcd's health. */
int talos_bootstrap(const struct talos_client *c, struct error *err);
/* What an error of talos_bootstrap() means (v1alpha1_server.go of 1.11 to 1.14). */
enum talos_bootstrap_verdict { TALOS_BOOTSTRAP_RETRY, TALOS_BOOTSTRAP_DONE_BEFORE, TALOS_BOOTSTRAP_FATAL };
enum talos_bootstrap_verdict talos_bootstrap_verdict(const struct error *err);

/* talos: machine.MachineService/Version. In maintenance mode before 1.13: UNIMPLEMENTED. */
struct talos_version_info {
        char *hostname;                           /* metadata.hostname, or NULL */
        char *tag;                                /* "v1.13.9" */
        char *sha, *arch;                         /* "amd64" */
        char *platform, *platform_mode;           /* "hcloud", "cloud" */
};
void talos_version_info_done(struct talos_version_info *v);
int talos_version(const struct talos_client *c, struct talos_version_info *ret, struct error *err);

/* talos: machine.MachineService/Hostname. *ret is owned. */
int talos_hostname(const struct talos_client *c, char **ret, struct error *err);

/* talos: machine.MachineService/ServiceList. */
struct talos_service {
        char *id, *state;                         /* "etcd", "Running" */
        bool health_unknown, healthy;
        char *health_message;
        char *last_event;                         /* message of the last event, or NULL */
        char *last_event_state;
};
struct talos_services { struct talos_service *items; size_t n; };
void talos_services_done(struct talos_services *s);
int talos_service_list(const struct talos_client *c, struct talos_services *ret, struct error *err);
const struct talos_service *talos_services_find(const struct talos_services *s, const char *id);   /* borrowed, or NULL */

/* talos: machine.MachineService/EtcdMemberList. query_local asks the node's own etcd instead of the leader's view. */
struct talos_etcd_member { uint64_t id; char *hostname; struct strv peer_urls, client_urls; bool learner; };
struct talos_etcd_members { struct talos_etcd_member *items; size_t n; };
void talos_etcd_members_done(struct talos_etcd_members *m);
int talos_etcd_member_list(const struct talos_client *c, bool query_local, struct talos_etcd_members *ret, struct error *err);

/* talos: machine.MachineService/EtcdStatus. */
struct talos_etcd_status {
        uint64_t member_id, leader, raft_index, raft_term, raft_applied_index;
        int64_t db_size, db_size_in_use;
        char *protocol_version, *storage_version; /* storage_version since 1.11 */
        struct strv errors;
        bool learner;
};
void talos_etcd_status_done(struct talos_etcd_status *s);
int talos_etcd_status(const struct talos_client *c, struct talos_etcd_status *ret, struct error *err);

int talos_etcd_leave_cluster(const struct talos_client *c, struct error *err);              /* …/EtcdLeaveCluster */
int talos_etcd_remove_member(const struct talos_client *c, uint64_t id, struct error *err); /* …/EtcdRemoveMemberByID; ERR_NOT_FOUND */
/* …/EtcdForfeitLeadership. *ret_member (owned, ret_member may be NULL): the new leader's name, NULL when it was not the leader. */
int talos_etcd_forfeit_leadership(const struct talos_client *c, char **ret_member, struct error *err);

/* talos: machine.MachineService/Reboot. The call returns before the machine goes down. FORCE since 1.12. */
enum talos_reboot_mode { TALOS_REBOOT_DEFAULT = 0, TALOS_REBOOT_POWERCYCLE = 1, TALOS_REBOOT_FORCE = 2 };
int talos_reboot(const struct talos_client *c, enum talos_reboot_mode mode, struct error *err);
int talos_shutdown(const struct talos_client *c, bool force, struct error *err);            /* …/Shutdown */
/* talos: machine.MachineService/Reset. Without labels the whole system disk is wiped; {"STATE","EPHEMERAL"} keeps the boot image.
 * Returns at once; the machine is done when it is off (reboot false). */
struct talos_reset_options { bool graceful, reboot; const char *const *partitions; size_t n_partitions; };
int talos_reset(const struct talos_client *c, const struct talos_reset_options *o, struct error *err);

/* talos: cosi.resource.State/Get and /List. The spec as Talos' own YAML (yaml_spec) and as protobuf bytes. Get: ERR_NOT_FOUND when
 * there is none; ERR_AUTH for unknown types or namespaces and sensitive ones. */
struct talos_resource {
        char *namespace_, *type, *id, *version, *phase;
        struct kvs labels;
        char *yaml_spec;                          /* never NULL */
        struct strbuf proto_spec;
};
struct talos_resources { struct talos_resource *items; size_t n; };
void talos_resource_done(struct talos_resource *r);
void talos_resources_done(struct talos_resources *r);
int talos_resource_get(const struct talos_client *c, const char *ns, const char *type, const char *id, struct talos_resource *ret,
                       struct error *err);
int talos_resource_list(const struct talos_client *c, const char *ns, const char *type, struct talos_resources *ret, struct error *err);

/* The kernel's routes. talos: cosi.resource.State/List of RouteStatuses.net.talos.dev in namespace network. */
struct talos_route {
        char *family;                             /* "inet4" or "inet6" */
        char *destination;                        /* "10.0.0.0/8"; "" is the default route */
        char *gateway, *link, *table, *protocol, *type;   /* "" when it has none */
        int64_t priority;
};
struct talos_routes { struct talos_route *items; size_t n; };
void talos_routes_done(struct talos_routes *r);
int talos_route_list(const struct talos_client *c, struct talos_routes *ret, struct error *err);
/* The route of the main table that an IPv4 address ("169.254.169.254") takes: longest prefix, then lowest priority. Borrowed, or NULL. */
const struct talos_route *talos_routes_find_ipv4(const struct talos_routes *r, const char *address);

/* talos: machine.MachineService/Read: a file of the node, at most max bytes (more is ERR_PROTOCOL). Needs the role admin. */
int talos_read_file(const struct talos_client *c, const char *path, size_t max, struct strbuf *ret, struct error *err);
/* The last lines of a service's log. talos: machine.MachineService/Logs, namespace system, without follow. */
int talos_logs_tail(const struct talos_client *c, const char *service, unsigned lines, struct strv *ret, struct error *err);
/* The last lines of the kernel log, where Talos' own controllers write too. talos: machine.MachineService/Dmesg. */
int talos_dmesg_tail(const struct talos_client *c, unsigned lines, struct strv *ret, struct error *err);
