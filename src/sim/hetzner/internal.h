/* What the files of the simulated Hetzner API share: the resources as structs, the call being answered, actions.
 *
 * Every resource begins with a cloud_object and lives in the store of its kind, in order of creation and so of id. Handlers answer by calling
 * one of the reply_… functions exactly once; those that refuse return -1, so that refusing is one line. */
#pragma once

#include "base/json.h"
#include "sim/hetzner/hetzner.h"
#include "sim/net/loop.h"

enum cloud_kind {
        KIND_SERVER, KIND_PRIMARY_IP, KIND_FLOATING_IP, KIND_FIREWALL, KIND_NETWORK, KIND_PLACEMENT_GROUP, KIND_SSH_KEY, KIND_IMAGE,
        KIND_LOAD_BALANCER, KIND_VOLUME, KIND_CERTIFICATE, KIND_ZONE, KIND_ISO, KIND_LOCATION, KIND_SERVER_TYPE, KIND_LOAD_BALANCER_TYPE,
        KIND_MAX
};

struct cloud_call;

struct cloud_object {
        enum cloud_kind kind;
        int64_t id;
        char *name;                     /* NULL for snapshots */
        struct kvs labels;
        int64_t created_ms;
        bool protect_delete;
};

/* What the generic operations need to know of a kind. Functions may be NULL: then the API has no such operation. */
struct cloud_class {
        const char *path;               /* "servers" */
        const char *singular;           /* "server": key of the answer, type in an action's resources */
        const char *title;              /* "Server": in messages */
        json_t *(*render)(struct sim_hetzner *c, const struct cloud_object *o);
        bool (*matches)(struct cloud_call *call, const struct cloud_object *o);  /* the filters beyond name and label_selector */
        void (*free)(struct cloud_object *o);                                    /* contents beyond the head, and the struct */
        const char *const *sort;        /* fields, ends with NULL; NULL: cannot be sorted */
        bool unique_names;
        bool labels;
        bool by_name;                   /* GET /kind/{id_or_name} */
};
extern const struct cloud_class *const cloud_classes[KIND_MAX];  /* routes.c */
#define CLASS(name) extern const struct cloud_class name
CLASS(class_server); CLASS(class_primary_ip); CLASS(class_floating_ip); CLASS(class_firewall); CLASS(class_network);
CLASS(class_placement_group); CLASS(class_ssh_key); CLASS(class_image); CLASS(class_load_balancer); CLASS(class_volume);
CLASS(class_certificate); CLASS(class_zone); CLASS(class_iso); CLASS(class_location); CLASS(class_server_type); CLASS(class_load_balancer_type);
#undef CLASS

struct cloud_location {
        struct cloud_object o;
        const char *description, *country, *city, *network_zone;
        double latitude, longitude;
};

struct cloud_price { int64_t location; double monthly, hourly; double traffic_tb, per_tb; };   /* net */

struct cloud_server_type {
        struct cloud_object o;
        char *description;
        const char *category, *cpu_type, *arch;
        unsigned cores;
        double memory, disk;
        bool deprecated;                /* everywhere: still sold until unavailable_after, which has passed */
        struct cloud_price *prices;     /* one a location in which it is sold */
        size_t n_prices;
};

struct cloud_load_balancer_type {
        struct cloud_object o;
        unsigned max_services, max_targets, max_certificates;
        int64_t max_connections;
        double monthly, hourly;
};

struct cloud_iso { struct cloud_object o; const char *description, *arch; };

struct cloud_image {
        struct cloud_object o;
        const char *type;               /* system, snapshot, backup */
        const char *status;             /* available, creating */
        char *description;
        const char *os_flavor;
        char *os_version;               /* or NULL */
        const char *arch;
        double image_size;              /* GB; negative: null */
        double disk_size;
        int64_t from_id;                /* created_from; 0: null */
        char *from_name;
        int64_t bound_to;               /* 0: null */
        int64_t deprecated_ms;          /* 0: null */
        char *talos_version;            /* what boots from it, or NULL */
};

struct cloud_private_net { int64_t network; uint32_t ip; uint32_t *aliases; size_t n_aliases; char *mac; };
struct cloud_server_firewall { int64_t firewall; bool applied; bool enforced; bool by_selector; };

struct cloud_server {
        struct cloud_object o;
        struct sim_machine machine;
        const char *status;             /* one of the API's words */
        struct cloud_server_type *type;
        struct cloud_location *location;
        int64_t image;                  /* 0: null (deleted since) */
        int64_t iso;
        bool protect_rebuild;
        bool rescue;                    /* armed for the next boot */
        struct strv rescue_keys;        /* lines for authorized_keys */
        struct rescue *rescue_system;   /* rescue.h, or NULL */
        bool backups;
        bool deleting;
        unsigned locks;                 /* running actions that lock it */
        double disk;                    /* primary_disk_size */
        int64_t ipv4, ipv6;             /* primary IPs, 0: none */
        int64_t placement_group;
        struct cloud_private_net *nets;
        size_t n_nets;
        struct cloud_server_firewall *firewalls;
        size_t n_firewalls;
        struct loop_timer *boot;        /* firmware latency is running */
        struct loop_timer *stop;        /* ACPI shutdown is running */
};

struct cloud_dns_ptr { char *ip, *name; };

struct cloud_primary_ip {
        struct cloud_object o;
        bool v6;
        struct ip6_prefix prefix;
        uint32_t ip4;
        struct cloud_location *location;
        int64_t assignee;               /* server, 0: none */
        bool auto_delete;
        struct cloud_dns_ptr *ptrs;
        size_t n_ptrs;
};

struct cloud_floating_ip {
        struct cloud_object o;
        bool v6;
        char *description;
        struct ip6_prefix prefix;
        uint32_t ip4;
        struct cloud_location *location;
        int64_t server;
        struct cloud_dns_ptr *ptrs;
        size_t n_ptrs;
};

struct cloud_rule { bool in; const char *protocol; char *port, *description; unsigned port_from, port_to; struct strv cidrs; };
struct cloud_firewall_target { int64_t server; char *selector; };       /* one of the two */

struct cloud_firewall {
        struct cloud_object o;
        struct cloud_rule *rules;
        size_t n_rules;
        struct cloud_rule *enforced;    /* what the kernel has, or will have at the next synchronisation */
        size_t n_enforced;
        struct cloud_firewall_target *targets;
        size_t n_targets;
        int64_t in_use_until_ms;        /* for some seconds after the last detachment DELETE says resource_in_use */
};

struct cloud_subnet { const char *type; uint32_t ip; unsigned len; char *zone; };
struct cloud_route { uint32_t ip; unsigned len; uint32_t gateway; };
struct cloud_network {
        struct cloud_object o;
        uint32_t ip;
        unsigned len;
        struct cloud_subnet *subnets;
        size_t n_subnets;
        struct cloud_route *routes;
        size_t n_routes;
        bool expose_routes;
};

struct cloud_placement_group { struct cloud_object o; };
struct cloud_ssh_key { struct cloud_object o; char *public_key, *fingerprint; };

struct cloud_volume {
        struct cloud_object o;
        int64_t size;
        struct cloud_location *location;
        int64_t server;
        char *format;
        bool creating;
};

struct cloud_certificate { struct cloud_object o; bool managed, pending; char *pem; struct strv domains; char *fingerprint; int64_t from_ms, to_ms; };

/* Services and targets are kept as the JSON that is shown: nothing here balances load. */
struct cloud_load_balancer {
        struct cloud_object o;
        struct cloud_load_balancer_type *type;
        struct cloud_location *location;
        const char *algorithm;
        json_t *services, *targets;     /* arrays */
        int64_t network;                /* 0: none */
        uint32_t private_ip;
        bool public_interface;
        uint32_t ip4;
        struct ip6_addr ip6;
        char *ptr4, *ptr6;
};

struct cloud_record { char *value, *comment; };
struct cloud_rrset { char *name, *type; int64_t ttl; struct kvs labels; bool protect_change; struct cloud_record *records; size_t n_records; int64_t created_ms; };
struct cloud_zone {
        struct cloud_object o;
        const char *mode;
        int64_t ttl;
        struct cloud_rrset **sets;
        size_t n_sets;
        json_t *primary_nameservers;    /* or NULL */
        char *zonefile;                 /* as imported, or NULL */
};

/* Actions. A running action ends by its timer: done() carries out the change, then the action is a success, unless a fault or done()
 * itself (by cloud_action_fail, or by keeping it with action->held) says otherwise. */
struct cloud_action;
typedef void (*cloud_action_fn)(struct sim_hetzner *c, struct cloud_action *a);
struct cloud_resource { enum cloud_kind kind; int64_t id; };
struct cloud_action {
        struct sim_hetzner *cloud;
        int64_t id;
        const char *command;
        const char *status;             /* running, success, error */
        int64_t started_ms, finished_ms;
        int64_t latency_ms;
        char *error_code, *error_message;
        char *fail_code;                /* decided at the start by a fault */
        struct cloud_resource resources[6];
        size_t n_resources;
        int64_t locked_server;          /* 0: none */
        cloud_action_fn done;
        int64_t subject, argument;      /* ids for done() */
        void *data;                     /* owned, freed with free() after done() */
        bool held;                      /* done() will call cloud_action_finish() itself, later */
        bool stuck;                     /* a fault: never ends */
        int64_t after;                  /* starts its clock when that action has finished; fails when that one failed */
        struct loop_timer *timer;
};

struct cloud_store { struct cloud_object **items; size_t n; };

struct sim_hetzner {
        struct sim_world *world;
        struct cloud_store stores[KIND_MAX];
        struct cloud_action **actions;
        size_t n_actions;
        int64_t next_id;
        double bucket;                  /* requests left */
        int64_t bucket_ms;
        uint64_t requests;
        uint64_t calls_by_status[6];
        int64_t failed_after;           /* chained actions look here */
        unsigned counts[KIND_MAX];      /* created so far, for quota faults */
        struct loop_timer *selector_timer;
        json_t *past;                   /* lies.c: the lists before the last changes, newest first; or NULL */
};

/* The call being answered. */
struct cloud_call {
        struct sim_hetzner *cloud;
        const struct sim_api_request *request;
        struct sim_api_answer *answer;
        struct kvs path;                /* "id", "name", "type", "action_id" */
        struct kv *query;               /* decoded, in order */
        size_t n_query;
        json_t *body;                   /* an object, or NULL */
        enum cloud_kind kind;           /* of the route */
        struct cloud_object *object;    /* of {id}, or NULL */
        const struct cloud_route_entry *route;
};
typedef int (*cloud_handler)(struct cloud_call *c);

/* One row of the table of routes. {id} is looked up before the handler runs (404 otherwise); flags say what else is checked. */
enum { ROUTE_BODY = 1, ROUTE_LOCK = 2, ROUTE_NO_LOOKUP = 4, ROUTE_NAME = 8 };
struct cloud_route_entry { const char *method, *pattern; enum cloud_kind kind; cloud_handler handler; unsigned flags; };
struct cloud_routes { const struct cloud_route_entry *items; size_t n; };
extern const struct cloud_routes routes_server, routes_server_actions, routes_server_power, routes_primary_ip, routes_floating_ip, routes_firewall, routes_network,
        routes_placement_group, routes_ssh_key, routes_image, routes_load_balancer, routes_volume, routes_certificate, routes_zone, routes_rrset,
        routes_catalogue, routes_action;

/* store.c */
int64_t cloud_new_id(struct sim_hetzner *c);
/* Fills the head: kind, new id (unless o->id is set), created; appends to the store. */
void cloud_add(struct sim_hetzner *c, enum cloud_kind kind, struct cloud_object *o);
void cloud_remove(struct sim_hetzner *c, struct cloud_object *o);      /* frees it */
struct cloud_object *cloud_get(struct sim_hetzner *c, enum cloud_kind kind, int64_t id);
struct cloud_object *cloud_by_name(struct sim_hetzner *c, enum cloud_kind kind, const char *name);
void cloud_object_done(struct cloud_object *o);
#define CLOUD_EACH(c, kind, type, var) \
        for (size_t i_##var = 0; i_##var < (c)->stores[kind].n; i_##var++) \
                for (type *var = (type *) (c)->stores[kind].items[i_##var]; var; var = NULL)
/* Generic operations of every kind; handlers in the tables. */
int cloud_list(struct cloud_call *c);
int cloud_show(struct cloud_call *c);
int cloud_update(struct cloud_call *c);                     /* PUT name and labels */
int cloud_list_all_actions(struct cloud_call *c);           /* GET /servers/actions */
int cloud_list_own_actions(struct cloud_call *c);           /* GET /servers/{id}/actions */
int cloud_show_own_action(struct cloud_call *c);            /* GET /servers/{id}/actions/{action_id}, GET /servers/actions/{id} */
int cloud_metrics(struct cloud_call *c);                    /* GET /servers/{id}/metrics */
int cloud_change_protection(struct cloud_call *c);          /* {"delete": bool} */
/* Answers a page of an array of whole, sorted items (each new references are stolen by the array). */
int cloud_answer_page(struct cloud_call *c, const char *key, size_t total, json_t *(*render)(struct cloud_call *c, void *item), void **items);

/* lies.c: faults that refuse by any code, and that say what is not so. */
struct sim_fault;
int refuse_as_told(struct cloud_call *c, const struct sim_fault *f);            /* -1 */
void lie_in_json(struct cloud_call *c, json_t *body);
void remember_lists(struct sim_hetzner *c);
int answer_stale(struct cloud_call *c, bool *ret_answered);
void shift_page(struct cloud_call *c, int64_t page, int64_t *per_page, int64_t *ret_first);
void add_foreign(struct cloud_call *c, json_t *list);
void date_as_told(struct cloud_call *c);

/* selector.c */
bool cloud_label_key_valid(const char *key);
bool cloud_label_value_valid(const char *value);
bool cloud_label_selector_valid(const char *selector);
bool cloud_label_selector_matches(const char *selector, const struct kvs *labels);

/* call.c */
const char *call_query(const struct cloud_call *c, const char *name, size_t n);      /* n-th value, or NULL; borrowed */
int reply_json(struct cloud_call *c, int status, json_t *body);                     /* body is stolen; returns 0 */
int reply_empty(struct cloud_call *c, int status);
int reply_error(struct cloud_call *c, int status, const char *code, const char *fmt, ...) _printf_(4, 5);
int reply_error_details(struct cloud_call *c, int status, const char *code, json_t *details, const char *fmt, ...) _printf_(5, 6);
int reply_invalid(struct cloud_call *c, const char *field, const char *fmt, ...) _printf_(3, 4);    /* 422 invalid_input with the field */
int reply_not_found(struct cloud_call *c, enum cloud_kind kind, int64_t id);
int reply_action(struct cloud_call *c, struct cloud_action *a);                     /* 201 {"action": …} */
int reply_actions(struct cloud_call *c, json_t *actions);                           /* 201 {"actions": […]}, stolen */
/* Reading the body. They answer invalid_input themselves and return -1 when the value has the wrong type. Absence and null leave *ret alone. */
int body_int(struct cloud_call *c, const char *key, int64_t *ret);
int body_bool(struct cloud_call *c, const char *key, bool *ret);
int body_str(struct cloud_call *c, const char *key, const char **ret);               /* borrowed */
int body_labels(struct cloud_call *c, struct kvs *ret);                              /* *ret is replaced only when "labels" is there */
int body_ids(struct cloud_call *c, const char *key, int64_t **ret, size_t *ret_n);   /* owned */
int body_required(struct cloud_call *c, const char *const *keys);                    /* all must be there; keys end with NULL */
/* id or name: a JSON number, or a string that is a name or a decimal id. *ret stays NULL when the key is absent; unknown is refused. */
int body_ref(struct cloud_call *c, enum cloud_kind kind, const char *key, struct cloud_object **ret);
int check_name(struct cloud_call *c, enum cloud_kind kind, const char *name, const struct cloud_object *self);       /* uniqueness */
int check_quota(struct cloud_call *c, enum cloud_kind kind);
json_t *json_time(int64_t ms);                                                       /* 0: null */
json_t *json_price(double net);                                                      /* {"net","gross"} */
json_t *json_size(double n);                                                         /* whole numbers without a point: Go clients read ints */
json_t *json_id(int64_t id);                                                         /* 0: null */
char *ip4_str(uint32_t ip);
bool ip4_parse(const char *s, uint32_t *ret);
bool ip4_cidr_parse(const char *s, uint32_t *ret, unsigned *ret_len, bool strict);

/* actions.c */
struct cloud_action *cloud_action_start(struct sim_hetzner *c, const char *command, int64_t real_ms, cloud_action_fn done);
void cloud_action_on(struct cloud_action *a, enum cloud_kind kind, int64_t id);      /* adds a resource */
void cloud_action_lock(struct cloud_action *a, struct cloud_server *s);              /* adds it and locks it until the end */
void cloud_action_fail(struct cloud_action *a, const char *code, const char *message);
void cloud_action_finish(struct cloud_action *a);
struct cloud_action *cloud_action_get(struct sim_hetzner *c, int64_t id);
json_t *cloud_action_render(const struct cloud_action *a);
void cloud_action_free(struct cloud_action *a);
bool cloud_object_busy(struct sim_hetzner *c, enum cloud_kind kind, int64_t id);     /* an action on it is running */

/* between the resources */
static inline struct cloud_server *cloud_server(struct sim_hetzner *c, int64_t id) { return (struct cloud_server *) cloud_get(c, KIND_SERVER, id); }
void server_free_contents(struct cloud_server *s);
int server_refuse_locked(struct cloud_call *c, const struct cloud_server *s);        /* answers 423 and returns -1 when locked, or deleting */
void server_attach_primary_ip(struct sim_hetzner *c, struct cloud_server *s, struct cloud_primary_ip *ip);
void server_detach_primary_ip(struct sim_hetzner *c, struct cloud_server *s, struct cloud_primary_ip *ip);
void server_power_on(struct cloud_server *s);                                        /* firmware, then sim_talos_boot */
void server_power_cut(struct cloud_server *s);
void server_use_image(struct cloud_server *s, const struct cloud_image *image);
struct cloud_action *server_start_action(struct sim_hetzner *c, struct cloud_server *s, const char *command, int64_t real_ms, cloud_action_fn done);
json_t *server_type_render(struct sim_hetzner *c, const struct cloud_object *o);
json_t *location_render(struct sim_hetzner *c, const struct cloud_object *o);
json_t *image_render(struct sim_hetzner *c, const struct cloud_object *o);
json_t *iso_render(struct sim_hetzner *c, const struct cloud_object *o);
json_t *placement_group_render(struct sim_hetzner *c, const struct cloud_object *o);
json_t *load_balancer_type_render(struct sim_hetzner *c, const struct cloud_object *o);
json_t *prices_render(struct sim_hetzner *c, const struct cloud_price *prices, size_t n);
const struct cloud_price *server_type_price(const struct cloud_server_type *t, int64_t location);
size_t placement_group_count(struct sim_hetzner *c, int64_t id);
struct cloud_primary_ip *primary_ip_new(struct sim_hetzner *c, bool v6, struct cloud_location *l, const char *name);
uint32_t address4_new(struct sim_hetzner *c);                                        /* from 198.18.0.0/15, RFC 2544 */
struct ip6_prefix address6_new(struct sim_hetzner *c, unsigned group);               /* an unused /64 of 2001:db8:<group>::/48 */
int dns_ptr_change(struct cloud_call *c, struct cloud_dns_ptr **ptrs, size_t *n, bool v6, uint32_t ip4, const struct ip6_prefix *p);
json_t *dns_ptrs_render(const struct cloud_dns_ptr *ptrs, size_t n);
void dns_ptrs_free(struct cloud_dns_ptr *ptrs, size_t n);
/* Attaches a firewall to a server; returns the running apply_firewall action. */
struct cloud_action *firewall_apply(struct sim_hetzner *c, struct cloud_firewall *f, struct cloud_server *s, bool by_selector);
void firewall_detach_server(struct sim_hetzner *c, struct cloud_server *s);          /* the server goes away */
void firewalls_follow_labels(struct sim_hetzner *c);                                 /* a server's labels changed, or it was created */
int network_attach(struct cloud_call *c, struct cloud_server *s, int64_t network, const char *ip, json_t *aliases, const char *ip_range,
                   struct cloud_action **ret);
/* An address for a server or load balancer in zone: ip when it is not NULL and free, else the first free one, inside range when that is not NULL. Replies on failure. */
int network_take_ip(struct cloud_call *c, const struct cloud_network *n, const char *zone, const char *ip, const char *range, uint32_t *ret_ip);
void network_forget_server(struct sim_hetzner *c, struct cloud_server *s);
/* load_balancer_services.c: what a client gave as a service, checked and filled, in *ret; answers invalid_input itself and returns -1. */
int load_balancer_service(struct cloud_call *c, const json_t *given, json_t **ret);
void load_balancers_forget_server(struct sim_hetzner *c, int64_t server);
int volume_attach(struct cloud_call *c, struct cloud_volume *v, struct cloud_server *s, struct cloud_action **ret);
int cloud_catalogue_fill(struct sim_hetzner *c);
void cloud_images_fill(struct sim_hetzner *c);
int cloud_pricing(struct cloud_call *c);
