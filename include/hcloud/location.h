/* Locations: where things can be. */
#pragma once

#include <hcloud/page.h>

struct hcloud_client;

struct hcloud_location {
        int64_t id;
        char *name;                 /* "hel1" */
        char *description, *country, *city;
        double latitude, longitude;
        char *network_zone;         /* "eu-central" */
};
struct hcloud_location_list { struct hcloud_location *items; size_t n; };
HCLOUD_API void hcloud_location_free(struct hcloud_location *location);
HCLOUD_API void hcloud_location_list_free(struct hcloud_location_list *list);
HCLOUD_DEFINE_CLEANUP(struct hcloud_location, hcloud_location_free)
HCLOUD_DEFINE_CLEANUP(struct hcloud_location_list, hcloud_location_list_free)

/* (hcloud API: GET /locations, GET /locations/{id}) ERR_NOT_FOUND. */
HCLOUD_API int hcloud_location_get(struct hcloud_client *client, int64_t id, struct hcloud_location **ret, struct error *err);
HCLOUD_API int hcloud_location_get_by_name(struct hcloud_client *client, const char *name, struct hcloud_location **ret,
                                           struct error *err);
HCLOUD_API int hcloud_location_list(struct hcloud_client *client, const struct hcloud_list_options *options,
                                    struct hcloud_location_list **ret, struct error *err);
HCLOUD_API int hcloud_location_list_page(struct hcloud_client *client, const struct hcloud_list_options *options,
                                         struct hcloud_page *page, struct hcloud_location_list **ret, struct error *err);
