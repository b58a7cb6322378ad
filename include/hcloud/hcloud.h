/* libhcloud: the Hetzner Cloud API for C. This header includes all others; docs/libhcloud.md is the guide.
 *
 * Every function that can fail returns 0 (lists by page: 1) or a negative number and then fills *err, which may be NULL. Outputs
 * are untouched on failure. What a function gives belongs to the caller and is freed with its …_free(), which accepts NULL. Words
 * the API may add to later (statuses, types) are kept as text. */
#pragma once

#include <hcloud/action.h>
#include <hcloud/base.h>
#include <hcloud/certificate.h>
#include <hcloud/client.h>
#include <hcloud/error.h>
#include <hcloud/firewall.h>
#include <hcloud/floating_ip.h>
#include <hcloud/image.h>
#include <hcloud/label.h>
#include <hcloud/load_balancer.h>
#include <hcloud/location.h>
#include <hcloud/network.h>
#include <hcloud/page.h>
#include <hcloud/placement_group.h>
#include <hcloud/pricing.h>
#include <hcloud/primary_ip.h>
#include <hcloud/server.h>
#include <hcloud/server_type.h>
#include <hcloud/ssh_key.h>
#include <hcloud/volume.h>
#include <hcloud/zone.h>
