#include <hcloud/location.h>

#include "hcloud/resource.h"

SHAPE(static, location_shape, hcloud_location, "location",
      FIELD(hcloud_location, id, "id", F_ID),
      FIELD(hcloud_location, name, "name", F_STR),
      FIELD(hcloud_location, description, "description", F_STR),
      FIELD(hcloud_location, country, "country", F_STR),
      FIELD(hcloud_location, city, "city", F_STR),
      FIELD(hcloud_location, latitude, "latitude", F_REAL),
      FIELD(hcloud_location, longitude, "longitude", F_REAL),
      FIELD(hcloud_location, network_zone, "network_zone", F_STR));

static const struct resource location_resource = {
        .key = "location",
        .plural = "locations",
        .title = "location",
        .shape = &location_shape,
        .filters = FILTER_NAME | FILTER_SORT,
};

RESOURCE_FREE(location, location_shape)
RESOURCE_GET(location, location_resource)
RESOURCE_GET_BY_NAME(location, location_resource)
RESOURCE_LIST(location, location_resource)
