/* Server types, their prices and where they are sold; and pricing, which is made of the same price lists. */
#include <hcloud/pricing.h>
#include <hcloud/server_type.h>

#include "hcloud/kinds.h"
#include "hcloud/resource.h"

SHAPE(static, price_shape, hcloud_price, "price",
      FIELD(hcloud_price, net, "net", F_STR),
      FIELD(hcloud_price, gross, "gross", F_STR));

SHAPE(static, location_price_shape, hcloud_location_price, "location's price",
      FIELD(hcloud_location_price, location, "location", F_STR),
      FIELD_OF(hcloud_location_price, hourly, "price_hourly", F_OBJECT, price_shape),
      FIELD_OF(hcloud_location_price, monthly, "price_monthly", F_OBJECT, price_shape),
      FIELD(hcloud_location_price, included_traffic, "included_traffic", F_INT),
      FIELD_OF(hcloud_location_price, per_tb_traffic, "price_per_tb_traffic", F_OBJECT, price_shape));

SHAPE(static, type_location_shape, hcloud_server_type_location, "server type's location",
      FIELD(hcloud_server_type_location, id, "id", F_INT),
      FIELD(hcloud_server_type_location, name, "name", F_STR),
      FIELD(hcloud_server_type_location, deprecated_announced, "deprecation.announced", F_TIME),
      FIELD(hcloud_server_type_location, unavailable_after, "deprecation.unavailable_after", F_TIME),
      FIELD(hcloud_server_type_location, available, "available", F_BOOL),
      FIELD(hcloud_server_type_location, recommended, "recommended", F_BOOL));

SHAPE(static, server_type_shape, hcloud_server_type, "server type",
      FIELD(hcloud_server_type, id, "id", F_ID),
      FIELD(hcloud_server_type, name, "name", F_STR),
      FIELD(hcloud_server_type, description, "description", F_STR),
      FIELD(hcloud_server_type, category, "category", F_STR),
      FIELD(hcloud_server_type, cores, "cores", F_REAL),
      FIELD(hcloud_server_type, memory, "memory", F_REAL),
      FIELD(hcloud_server_type, disk, "disk", F_REAL),
      FIELD(hcloud_server_type, storage_type, "storage_type", F_STR),
      FIELD(hcloud_server_type, cpu_type, "cpu_type", F_STR),
      FIELD(hcloud_server_type, architecture, "architecture", F_STR),
      FIELD(hcloud_server_type, deprecated, "deprecated", F_BOOL),
      FIELD_OF(hcloud_server_type, prices, "prices", F_LIST, location_price_shape),
      FIELD_OF(hcloud_server_type, locations, "locations", F_LIST, type_location_shape));

static const struct resource server_type_resource = {
        .key = "server_type", .plural = "server_types", .title = "server type", .shape = &server_type_shape, .filters = FILTER_NAME,
};

RESOURCE_FREE(server_type, server_type_shape)
RESOURCE_GET(server_type, server_type_resource)
RESOURCE_GET_BY_NAME(server_type, server_type_resource)
RESOURCE_LIST(server_type, server_type_resource)

static const struct hcloud_location_price *price_in(const struct hcloud_location_prices *prices, const char *location) {
        for (size_t i = 0; i < prices->n; i++)
                if (str_eq(prices->items[i].location, location))
                        return &prices->items[i];
        return NULL;
}

const struct hcloud_location_price *hcloud_server_type_price(const struct hcloud_server_type *type, const char *location) {
        return price_in(&type->prices, location);
}

/* hcloud API: server_types[].locations[]: usable where listed, not past unavailable_after, and available. */
enum hcloud_offer hcloud_server_type_offer(const struct hcloud_server_type *type, const char *location, int64_t now_ms) {
        if (type->locations.n == 0) {
                if (!price_in(&type->prices, location))
                        return HCLOUD_OFFER_NEVER;
                return type->deprecated ? HCLOUD_OFFER_DEPRECATED : HCLOUD_OFFER_YES;
        }
        for (size_t i = 0; i < type->locations.n; i++) {
                const struct hcloud_server_type_location *l = &type->locations.items[i];
                if (!str_eq(l->name, location))
                        continue;
                if (l->unavailable_after && l->unavailable_after <= now_ms)
                        return HCLOUD_OFFER_DEPRECATED;
                return l->available ? HCLOUD_OFFER_YES : HCLOUD_OFFER_SOLD_OUT;
        }
        return HCLOUD_OFFER_NEVER;
}

const char *hcloud_offer_name(enum hcloud_offer offer) {
        switch (offer) {
        case HCLOUD_OFFER_YES: return "available";
        case HCLOUD_OFFER_SOLD_OUT: return "sold out";
        case HCLOUD_OFFER_DEPRECATED: return "deprecated";
        default: return "not sold";
        }
}

const struct hcloud_server_type *hcloud_server_type_find(const struct hcloud_server_type_list *list, const char *name) {
        for (size_t i = 0; i < list->n; i++)
                if (str_eq(list->items[i].name, name))
                        return &list->items[i];
        return NULL;
}

/* ---- pricing ---- */

SHAPE(static, ip_pricing_shape, hcloud_ip_pricing, "address price",
      FIELD(hcloud_ip_pricing, type, "type", F_STR),
      FIELD_OF(hcloud_ip_pricing, prices, "prices", F_LIST, location_price_shape));

SHAPE(static, type_pricing_shape, hcloud_type_pricing, "type's price",
      FIELD(hcloud_type_pricing, id, "id", F_INT),
      FIELD(hcloud_type_pricing, name, "name", F_STR),
      FIELD_OF(hcloud_type_pricing, prices, "prices", F_LIST, location_price_shape));

SHAPE(static, pricing_shape, hcloud_pricing, "pricing",
      FIELD(hcloud_pricing, currency, "currency", F_STR),
      FIELD(hcloud_pricing, vat_rate, "vat_rate", F_STR),
      FIELD_OF(hcloud_pricing, primary_ips, "primary_ips", F_LIST, ip_pricing_shape),
      FIELD_OF(hcloud_pricing, floating_ips, "floating_ips", F_LIST, ip_pricing_shape),
      FIELD_OF(hcloud_pricing, image_per_gb_month, "image.price_per_gb_month", F_OBJECT, price_shape),
      FIELD_OF(hcloud_pricing, volume_per_gb_month, "volume.price_per_gb_month", F_OBJECT, price_shape),
      FIELD(hcloud_pricing, server_backup_percentage, "server_backup.percentage", F_STR),
      FIELD_OF(hcloud_pricing, server_types, "server_types", F_LIST, type_pricing_shape),
      FIELD_OF(hcloud_pricing, load_balancer_types, "load_balancer_types", F_LIST, type_pricing_shape));

void hcloud_pricing_free(struct hcloud_pricing *pricing) {
        shape_free(&pricing_shape, pricing);
}

int hcloud_pricing_get(struct hcloud_client *client, struct hcloud_pricing **ret, struct error *err) {
        _cleanup_json_ json_t *answer = NULL;
        int r = api_call(client, &(struct api_request) { .method = "GET", .path = "/pricing" }, NULL, &answer, err);
        if (r >= 0)
                r = shape_read_new(&pricing_shape, jget(answer, "pricing"), (void **) ret, err);
        return r < 0 ? error_wrap(err, "reading prices") : 0;
}

const struct hcloud_location_price *hcloud_pricing_primary_ip(const struct hcloud_pricing *pricing, const char *type,
                                                              const char *location) {
        for (size_t i = 0; i < pricing->primary_ips.n; i++)
                if (str_eq(pricing->primary_ips.items[i].type, type))
                        return price_in(&pricing->primary_ips.items[i].prices, location);
        return NULL;
}

const struct hcloud_location_price *hcloud_pricing_load_balancer(const struct hcloud_pricing *pricing, const char *type,
                                                                 const char *location) {
        for (size_t i = 0; i < pricing->load_balancer_types.n; i++)
                if (str_eq(pricing->load_balancer_types.items[i].name, type))
                        return price_in(&pricing->load_balancer_types.items[i].prices, location);
        return NULL;
}
