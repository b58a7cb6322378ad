/* The shapes and resources that more than one file uses. */
#pragma once

#include "hcloud/shape.h"

struct resource;

extern const struct shape action_shape, dns_ptr_shape, image_shape, location_prices_shape, server_shape;
extern const struct resource image_resource, server_resource;
