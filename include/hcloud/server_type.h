/* Server types with prices and availability per location. Some 30 rows: list them once and keep them for the run. */
#pragma once

#include <hcloud/page.h>

struct hcloud_client;

struct hcloud_location_price {
        char *location;
        struct hcloud_price hourly, monthly;
        int64_t included_traffic;          /* bytes a month */
        struct hcloud_price per_tb_traffic;
};
struct hcloud_location_prices { struct hcloud_location_price *items; size_t n; };

struct hcloud_server_type_location {
        int64_t id;
        char *name;                        /* of the location */
        int64_t deprecated_announced;      /* 0: not deprecated there */
        int64_t unavailable_after;
        bool available;                    /* a cached hint: creation may fail when true and succeed when false */
        bool recommended;
};
struct hcloud_server_type_locations { struct hcloud_server_type_location *items; size_t n; };

struct hcloud_server_type {
        int64_t id;
        char *name, *description, *category;
        double cores, memory, disk;        /* GB */
        char *storage_type;                /* "local", "network" */
        char *cpu_type;                    /* "shared", "dedicated" */
        char *architecture;                /* "x86", "arm" */
        bool deprecated;                   /* everywhere; being phased out by the API */
        struct hcloud_location_prices prices;
        struct hcloud_server_type_locations locations;
};
struct hcloud_server_type_list { struct hcloud_server_type *items; size_t n; };
HCLOUD_API void hcloud_server_type_free(struct hcloud_server_type *type);
HCLOUD_API void hcloud_server_type_list_free(struct hcloud_server_type_list *list);
HCLOUD_DEFINE_CLEANUP(struct hcloud_server_type, hcloud_server_type_free)
HCLOUD_DEFINE_CLEANUP(struct hcloud_server_type_list, hcloud_server_type_list_free)

/* (hcloud API: GET /server_types, GET /server_types/{id}) ERR_NOT_FOUND. */
HCLOUD_API int hcloud_server_type_get(struct hcloud_client *client, int64_t id, struct hcloud_server_type **ret, struct error *err);
HCLOUD_API int hcloud_server_type_get_by_name(struct hcloud_client *client, const char *name, struct hcloud_server_type **ret,
                                              struct error *err);
HCLOUD_API int hcloud_server_type_list(struct hcloud_client *client, const struct hcloud_list_options *options,
                                       struct hcloud_server_type_list **ret, struct error *err);
HCLOUD_API int hcloud_server_type_list_page(struct hcloud_client *client, const struct hcloud_list_options *options,
                                            struct hcloud_page *page, struct hcloud_server_type_list **ret, struct error *err);

enum hcloud_offer {
        HCLOUD_OFFER_YES,           /* sold there, and said to be available */
        HCLOUD_OFFER_SOLD_OUT,      /* sold there, but `available` is false just now: may still work */
        HCLOUD_OFFER_DEPRECATED,    /* no longer orderable there (unavailable_after has passed) */
        HCLOUD_OFFER_NEVER,         /* not sold there */
};
/* Can a server of this type be ordered in the location at this time? Older answers without per-location data count as offered
 * wherever the type has a price. */
HCLOUD_API enum hcloud_offer hcloud_server_type_offer(const struct hcloud_server_type *type, const char *location, int64_t now_ms);
HCLOUD_API const char *hcloud_offer_name(enum hcloud_offer offer);     /* "available", "sold out", "deprecated", "not sold" */
/* The location's price, borrowed, or NULL. */
HCLOUD_API const struct hcloud_location_price *hcloud_server_type_price(const struct hcloud_server_type *type,
                                                                        const char *location);
/* By name in a list, borrowed, or NULL. */
HCLOUD_API const struct hcloud_server_type *hcloud_server_type_find(const struct hcloud_server_type_list *list, const char *name);
