/* What can be bought and where: locations, server types, load balancer types, ISOs, and the price list.
 *
 * Ids of locations and server types are the real ones. Prices: net, EUR a month, valid for orders from 2026-06-15 as transcribed from the
 * price adjustment page of docs.hetzner.com (Germany, Finland; US and Singapore where known). Those marked "estimate" were not published
 * where we could read them. Hourly prices follow from 624 hours a month, which fits ccx23 (85.99, 0.1378) and ccx33 (138.49, 0.2219). */
#include "sim/hetzner/internal.h"

#include "sim/world/faults.h"

enum { FSN1 = 1, NBG1, HEL1, ASH, HIL, SIN };
enum { CX11 = 1 };

static const struct { int64_t id; const char *name, *description, *country, *city, *zone; double latitude, longitude; } location_table[] = {
        { FSN1, "fsn1", "Falkenstein DC Park 1", "DE", "Falkenstein", "eu-central", 50.47612, 12.370071 },
        { NBG1, "nbg1", "Nuremberg DC Park 1", "DE", "Nuremberg", "eu-central", 49.452102, 11.076665 },
        { HEL1, "hel1", "Helsinki DC Park 1", "FI", "Helsinki", "eu-central", 60.169855, 24.938379 },
        { ASH, "ash", "Ashburn, VA", "US", "Ashburn, VA", "us-east", 39.045821, -77.487073 },
        { HIL, "hil", "Hillsboro, OR", "US", "Hillsboro, OR", "us-west", 45.54222, -122.951924 },
        { SIN, "sin", "Singapore", "SG", "Singapore", "ap-southeast", 1.283333, 103.833333 },
};

/* The words of the API, as the provider's acceptance tests meet them; the description's example says "Shared vCPU". */
#define REGULAR "regular_purpose"
#define COST "cost_optimized"
#define GENERAL "general_purpose"

/* Prices of 0: not sold there. The first is gone for good: shown by its id, in no list. */
static const struct type_row {
        int64_t id;
        const char *name, *category, *cpu, *arch;
        unsigned cores;
        double memory, disk, eu, us, sin;
        bool deprecated;
} type_table[] = {
        { CX11, "cx11", COST, "shared", "x86", 1, 2, 20, 3.29 /* estimate */, 0, 0, true },
        { 22, "cpx11", REGULAR, "shared", "x86", 2, 2, 40, 0, 8.49 /* estimate */, 0, false },
        { 23, "cpx21", REGULAR, "shared", "x86", 3, 4, 80, 0, 31.99, 0, false },
        { 24, "cpx31", REGULAR, "shared", "x86", 4, 8, 160, 0, 62.49, 0, false },
        { 25, "cpx41", REGULAR, "shared", "x86", 8, 16, 240, 0, 120.49, 0, false },
        { 26, "cpx51", REGULAR, "shared", "x86", 16, 32, 360, 0, 237.99, 0, false },
        { 45, "cax11", COST, "shared", "arm", 2, 4, 40, 5.99, 0, 0, false },
        { 93, "cax21", COST, "shared", "arm", 4, 8, 80, 10.49, 0, 0, false },
        { 94, "cax31", COST, "shared", "arm", 8, 16, 160, 20.99, 0, 0, false },
        { 95, "cax41", COST, "shared", "arm", 16, 32, 320, 40.99, 0, 0, false },
        { 96, "ccx13", GENERAL, "dedicated", "x86", 2, 8, 80, 42.99, 43.49, 53.99, false },
        { 97, "ccx23", GENERAL, "dedicated", "x86", 4, 16, 160, 85.99, 87.49, 108.49, false },
        { 98, "ccx33", GENERAL, "dedicated", "x86", 8, 32, 240, 138.49, 140.99 /* estimate */, 174.99 /* estimate */, false },
        { 104, "cx22", COST, "shared", "x86", 2, 4, 40, 4.49, 0, 0, true },
        { 108, "cpx12", REGULAR, "shared", "x86", 1, 2, 40, 11.49, 0, 0, false },
        { 109, "cpx22", REGULAR, "shared", "x86", 2, 4, 80, 19.49, 0, 26.49, false },
        { 110, "cpx32", REGULAR, "shared", "x86", 4, 8, 160, 35.49, 0, 48.99, false },
        { 111, "cpx42", REGULAR, "shared", "x86", 8, 16, 320, 69.49, 0, 93.49, false },
        { 112, "cpx52", REGULAR, "shared", "x86", 12, 24, 480, 100.49, 0, 134.49, false },
        { 113, "cpx62", REGULAR, "shared", "x86", 16, 32, 640, 135.99 /* estimate */, 0, 0, false },
        { 114, "cx23", COST, "shared", "x86", 2, 4, 40, 5.49, 0, 0, false },
        { 115, "cx33", COST, "shared", "x86", 4, 8, 80, 8.49, 0, 0, false },
        { 116, "cx43", COST, "shared", "x86", 8, 16, 160, 15.99, 0, 0, false },
        { 117, "cx53", COST, "shared", "x86", 16, 32, 320, 29.49, 0, 0, false },
};

static void add_price(struct cloud_server_type *t, int64_t location, double monthly) {
        static const double included[] = { [FSN1] = 20, [NBG1] = 20, [HEL1] = 20, [ASH] = 1, [HIL] = 1, [SIN] = 0.5 };
        struct cloud_price p = { .location = location, .monthly = monthly, .hourly = monthly / 624, .traffic_tb = included[location],
                                 .per_tb = location == SIN ? 7.4 : 1.0 };

        if (monthly > 0)
                ARRAY_APPEND(t->prices, t->n_prices, p);
}

/* "CPX 11", "CAX11", "CCX13 Dedicated CPU": as the API has them. */
static char *describe(const char *name, const char *cpu) {
        char *text = str_starts(name, "cpx") ? xasprintf("CPX %s", name + 3) : xasprintf("%s%s", name, str_eq(cpu, "dedicated") ? " Dedicated CPU" : "");

        for (char *p = text; *p && *p != ' '; p++)
                *p = (char) (*p >= 'a' && *p <= 'z' ? *p - 32 : *p);
        return text;
}

static void fill_server_types(struct sim_hetzner *c) {
        for (size_t i = 0; i < ARRAY_SIZE(type_table); i++) {
                const struct type_row *row = &type_table[i];
                struct cloud_server_type *t = xnew0(struct cloud_server_type);
                t->o.id = row->id;
                t->o.name = xstrdup(row->name);
                t->description = describe(row->name, row->cpu);
                t->category = row->category;
                t->cpu_type = row->cpu;
                t->arch = row->arch;
                t->cores = row->cores;
                t->memory = row->memory;
                t->disk = row->disk;
                t->deprecated = row->deprecated;
                for (int64_t l = FSN1; l <= HEL1; l++)
                        add_price(t, l, row->eu);
                add_price(t, ASH, row->us);
                add_price(t, HIL, row->us);
                add_price(t, SIN, row->sin);
                cloud_add(c, KIND_SERVER_TYPE, &t->o);
        }
}

int cloud_catalogue_fill(struct sim_hetzner *c) {
        static const struct { int64_t id; const char *name; unsigned services, targets, certificates; int64_t connections; double monthly; }
                balancers[] = { { 1, "lb11", 5, 25, 10, 10000, 7.49 }, { 2, "lb21", 15, 75, 25, 20000, 20.49 }, { 3, "lb31", 30, 150, 50, 40000, 40.49 } };
        static const struct { int64_t id; const char *name, *description, *arch; } isos[] = {
                { 8637, "SERVER_EVAL_x64FRE_en-us.iso", "Windows Server 2022 English", "x86" },
                { 8638, "SERVER_EVAL_x64FRE_de-de.iso", "Windows Server 2022 German", "x86" }, { 122630, "talos-v1.13.0-amd64.iso", "Talos Linux v1.13.0", "x86" },
                { 122631, "talos-v1.13.0-arm64.iso", "Talos Linux v1.13.0", "arm" } };

        for (size_t i = 0; i < ARRAY_SIZE(location_table); i++) {
                struct cloud_location *l = xnew0(struct cloud_location);
                l->o.id = location_table[i].id;
                l->o.name = xstrdup(location_table[i].name);
                l->description = location_table[i].description;
                l->country = location_table[i].country;
                l->city = location_table[i].city;
                l->network_zone = location_table[i].zone;
                l->latitude = location_table[i].latitude;
                l->longitude = location_table[i].longitude;
                cloud_add(c, KIND_LOCATION, &l->o);
        }
        fill_server_types(c);
        for (size_t i = 0; i < ARRAY_SIZE(balancers); i++) {
                struct cloud_load_balancer_type *t = xnew0(struct cloud_load_balancer_type);
                t->o.id = balancers[i].id;
                t->o.name = xstrdup(balancers[i].name);
                t->max_services = balancers[i].services;
                t->max_targets = balancers[i].targets;
                t->max_certificates = balancers[i].certificates;
                t->max_connections = balancers[i].connections;
                t->monthly = balancers[i].monthly;
                t->hourly = t->monthly / 624;
                cloud_add(c, KIND_LOAD_BALANCER_TYPE, &t->o);
        }
        for (size_t i = 0; i < ARRAY_SIZE(isos); i++) {
                struct cloud_iso *iso = xnew0(struct cloud_iso);
                iso->o.id = isos[i].id;
                iso->o.name = xstrdup(isos[i].name);
                iso->description = isos[i].description;
                iso->arch = isos[i].arch;
                cloud_add(c, KIND_ISO, &iso->o);
        }
        return 0;
}

/* ---- rendering ---- */

json_t *location_render(struct sim_hetzner *c, const struct cloud_object *o) {
        const struct cloud_location *l = (const struct cloud_location *) o;

        (void) c;
        return json_pack("{s:I,s:s,s:s,s:s,s:s,s:f,s:f,s:s}", "id", (json_int_t) o->id, "name", o->name, "description", l->description,
                         "country", l->country, "city", l->city, "latitude", l->latitude, "longitude", l->longitude, "network_zone",
                         l->network_zone);
}

static const char *location_name(struct sim_hetzner *c, int64_t id) {
        struct cloud_object *o = cloud_get(c, KIND_LOCATION, id);
        return o ? o->name : "";
}

json_t *prices_render(struct sim_hetzner *c, const struct cloud_price *prices, size_t n) {
        json_t *list = json_array();

        for (size_t i = 0; i < n; i++)
                json_array_append_new(list, json_pack("{s:s,s:o,s:o,s:I,s:o}", "location", location_name(c, prices[i].location),
                                                      "price_hourly", json_price(prices[i].hourly), "price_monthly",
                                                      json_price(prices[i].monthly), "included_traffic",
                                                      (json_int_t) (prices[i].traffic_tb * 1099511627776.0), "price_per_tb_traffic",
                                                      json_price(prices[i].per_tb)));
        return list;
}

const struct cloud_price *server_type_price(const struct cloud_server_type *t, int64_t location) {
        for (size_t i = 0; i < t->n_prices; i++)
                if (t->prices[i].location == location)
                        return &t->prices[i];
        return NULL;
}

static json_t *deprecation_render(const struct cloud_server_type *t) {
        if (!t->deprecated)
                return json_null();
        if (t->o.id == CX11)            /* changelog of 2024-06-06 */
                return json_pack("{s:s,s:s}", "announced", "2024-06-06T00:00:00Z", "unavailable_after", "2024-09-06T00:00:00Z");
        return json_pack("{s:s,s:s}", "announced", "2025-10-16T06:00:00Z", "unavailable_after", "2025-12-31T06:00:00Z");
}

json_t *server_type_render(struct sim_hetzner *c, const struct cloud_object *o) {
        const struct cloud_server_type *t = (const struct cloud_server_type *) o;
        json_t *locations = json_array();

        for (size_t i = 0; i < t->n_prices; i++) {
                const char *name = location_name(c, t->prices[i].location);
                const struct kv facts[] = { { (char *) "type", o->name }, { (char *) "location", (char *) name } };
                bool sold_out = sim_fault_holds(c->world, "shown-unavailable", facts, ARRAY_SIZE(facts));
                json_array_append_new(locations,
                                      json_pack("{s:I,s:s,s:o,s:b,s:b}", "id", (json_int_t) t->prices[i].location, "name", name, "deprecation",
                                                deprecation_render(t), "recommended", !t->deprecated, "available",
                                                !t->deprecated && !sold_out));
        }
        json_t *j = json_pack("{s:I,s:s,s:s,s:s,s:i,s:o,s:o,s:s,s:s,s:s}", "id", (json_int_t) o->id, "name", o->name, "description",
                              t->description, "category", t->category, "cores", (int) t->cores, "memory", json_size(t->memory), "disk", json_size(t->disk),
                              "storage_type", "local", "cpu_type", t->cpu_type, "architecture", t->arch);
        json_object_set_new(j, "prices", prices_render(c, t->prices, t->n_prices));
        json_object_set_new(j, "locations", locations);
        json_object_set_new(j, "deprecated", json_boolean(t->deprecated));
        json_object_set_new(j, "deprecation", deprecation_render(t));
        return j;
}

static json_t *load_balancer_prices(struct sim_hetzner *c, const struct cloud_load_balancer_type *t) {
        struct cloud_price prices[ARRAY_SIZE(location_table)];

        for (size_t i = 0; i < ARRAY_SIZE(prices); i++)
                prices[i] = (struct cloud_price) { location_table[i].id, t->monthly, t->hourly, 20, 1 };
        return prices_render(c, prices, ARRAY_SIZE(prices));
}

json_t *load_balancer_type_render(struct sim_hetzner *c, const struct cloud_object *o) {
        const struct cloud_load_balancer_type *t = (const struct cloud_load_balancer_type *) o;
        char description[16];
        snprintf(description, sizeof(description), "LB%s", o->name + 2);
        json_t *j = json_pack("{s:I,s:s,s:s,s:I,s:i,s:i,s:i,s:n,s:n}", "id", (json_int_t) o->id, "name", o->name, "description", description,
                              "max_connections", (json_int_t) t->max_connections, "max_services", (int) t->max_services, "max_targets",
                              (int) t->max_targets, "max_assigned_certificates", (int) t->max_certificates, "deprecated", "deprecation");

        json_object_set_new(j, "prices", load_balancer_prices(c, t));
        return j;
}

json_t *iso_render(struct sim_hetzner *c, const struct cloud_object *o) {
        const struct cloud_iso *iso = (const struct cloud_iso *) o;

        (void) c;
        return json_pack("{s:I,s:s,s:s,s:s,s:n,s:s}", "id", (json_int_t) o->id, "name", o->name, "description", iso->description, "type",
                         "public", "deprecation", "architecture", iso->arch);
}

static bool iso_matches(struct cloud_call *c, const struct cloud_object *o) {
        const char *arch = call_query(c, "architecture", 0);
        return !arch || str_eq(arch, ((const struct cloud_iso *) o)->arch);
}

/* ---- GET /pricing ---- */

static json_t *price_at(double hourly, double monthly, bool with_hourly) {
        json_t *list = json_array();

        for (size_t i = 0; i < ARRAY_SIZE(location_table); i++) {
                json_t *p = json_pack("{s:s,s:o}", "location", location_table[i].name, "price_monthly", json_price(monthly));
                if (with_hourly)
                        json_object_set_new(p, "price_hourly", json_price(hourly));
                json_array_append_new(list, p);
        }
        return list;
}

int cloud_pricing(struct cloud_call *c) {
        struct sim_hetzner *cloud = c->cloud;
        json_t *types = json_array(), *balancers = json_array();

        CLOUD_EACH(cloud, KIND_SERVER_TYPE, struct cloud_server_type, t)
                if (t->o.id != CX11)
                        json_array_append_new(types, json_pack("{s:I,s:s,s:o}", "id", (json_int_t) t->o.id, "name", t->o.name, "prices",
                                                               prices_render(cloud, t->prices, t->n_prices)));
        CLOUD_EACH(cloud, KIND_LOAD_BALANCER_TYPE, struct cloud_load_balancer_type, t)
                json_array_append_new(balancers, json_pack("{s:I,s:s,s:o}", "id", (json_int_t) t->o.id, "name", t->o.name, "prices",
                                                           load_balancer_prices(cloud, t)));
        json_t *p = json_pack("{s:s,s:s,s:[{s:s,s:o},{s:s,s:o}],s:[{s:s,s:o},{s:s,s:o}],s:{s:o},s:{s:o},s:{s:s},s:{s:o},s:o,s:o}",
                              "currency", "EUR", "vat_rate", "19.000000",
                              "primary_ips", "type", "ipv4", "prices", price_at(0.0008, 0.5, true), "type", "ipv6", "prices", price_at(0, 0, true),
                              "floating_ips", "type", "ipv4", "prices", price_at(0, 3, false), "type", "ipv6", "prices", price_at(0, 1, false),
                              "image", "price_per_gb_month", json_price(0.0143), "volume", "price_per_gb_month", json_price(0.0572),
                              "server_backup", "percentage", "20.0000000000", "floating_ip", "price_monthly", json_price(3),
                              "server_types", types, "load_balancer_types", balancers);
        json_t *o = json_object();
        json_object_set_new(o, "pricing", p);
        return reply_json(c, 200, o);
}

static int datacenters_gone(struct cloud_call *c) {
        json_t *details = json_pack("{s:s}", "announcement", "https://docs.hetzner.cloud/changelog#2026-06-02-datacenters-deprecated");
        return reply_error_details(c, 410, "deprecated_api_endpoint", details, "the datacenters endpoints were removed");
}

static void free_server_type(struct cloud_object *o) {
        struct cloud_server_type *t = (struct cloud_server_type *) o;

        cloud_object_done(o);
        free(t->description);
        free(t->prices);
        free(t);
}

static bool server_type_listed(struct cloud_call *c, const struct cloud_object *o) {
        (void) c;
        return o->id != CX11;
}

static const char *const sort_location[] = { "id", "name", NULL };
const struct cloud_class class_location = { .path = "locations", .singular = "location", .title = "Location", .render = location_render,
                                            .sort = sort_location };
const struct cloud_class class_server_type = { .path = "server_types", .singular = "server_type", .title = "Server type",
                                               .render = server_type_render, .matches = server_type_listed, .free = free_server_type, .sort = sort_location };
const struct cloud_class class_load_balancer_type = { .path = "load_balancer_types", .singular = "load_balancer_type",
                                                      .title = "Load Balancer type", .render = load_balancer_type_render,
                                                      .sort = sort_location };
const struct cloud_class class_iso = { .path = "isos", .singular = "iso", .title = "ISO", .render = iso_render, .matches = iso_matches,
                                       .sort = sort_location };

static const struct cloud_route_entry routes[] = {
        { "GET", "/locations", KIND_LOCATION, cloud_list, 0 },
        { "GET", "/locations/{id}", KIND_LOCATION, cloud_show, 0 },
        { "GET", "/server_types", KIND_SERVER_TYPE, cloud_list, 0 },
        { "GET", "/server_types/{id}", KIND_SERVER_TYPE, cloud_show, 0 },
        { "GET", "/load_balancer_types", KIND_LOAD_BALANCER_TYPE, cloud_list, 0 },
        { "GET", "/load_balancer_types/{id}", KIND_LOAD_BALANCER_TYPE, cloud_show, 0 },
        { "GET", "/isos", KIND_ISO, cloud_list, 0 },
        { "GET", "/isos/{id}", KIND_ISO, cloud_show, 0 },
        { "GET", "/pricing", KIND_MAX, cloud_pricing, 0 },
        { "GET", "/datacenters", KIND_MAX, datacenters_gone, 0 },
        { "GET", "/datacenters/{id}", KIND_MAX, datacenters_gone, ROUTE_NO_LOOKUP },
};
const struct cloud_routes routes_catalogue = { routes, ARRAY_SIZE(routes) };
