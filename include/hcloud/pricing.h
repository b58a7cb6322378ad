/* Prices of everything, in the account's currency. (hcloud API: GET /pricing) */
#pragma once

#include <hcloud/server_type.h>

struct hcloud_ip_pricing { char *type; struct hcloud_location_prices prices; };                 /* "ipv4", "ipv6" */
struct hcloud_ip_pricings { struct hcloud_ip_pricing *items; size_t n; };
struct hcloud_type_pricing { int64_t id; char *name; struct hcloud_location_prices prices; };
struct hcloud_type_pricings { struct hcloud_type_pricing *items; size_t n; };

struct hcloud_pricing {
        char *currency;                        /* "EUR", "USD" */
        char *vat_rate;                        /* percent, decimal text */
        struct hcloud_ip_pricings primary_ips;
        struct hcloud_ip_pricings floating_ips;        /* monthly only */
        struct hcloud_price image_per_gb_month, volume_per_gb_month;
        char *server_backup_percentage;
        struct hcloud_type_pricings server_types, load_balancer_types;
};
HCLOUD_API void hcloud_pricing_free(struct hcloud_pricing *pricing);
HCLOUD_DEFINE_CLEANUP(struct hcloud_pricing, hcloud_pricing_free)
HCLOUD_API int hcloud_pricing_get(struct hcloud_client *client, struct hcloud_pricing **ret, struct error *err);

/* The price of a Primary IP ("ipv4", "ipv6") or of a load balancer type in a location; borrowed, or NULL. */
HCLOUD_API const struct hcloud_location_price *hcloud_pricing_primary_ip(const struct hcloud_pricing *pricing, const char *type,
                                                                         const char *location);
HCLOUD_API const struct hcloud_location_price *hcloud_pricing_load_balancer(const struct hcloud_pricing *pricing,
                                                                            const char *type, const char *location);
