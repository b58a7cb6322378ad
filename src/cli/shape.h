/* The options that describe a cluster's shape, for the tables of commands that take a profile. */
#pragma once

#define SHAPE_OPTIONS(owner)                                                                                                             \
        { .name = "profile", .letter = 'p', .type = OPT_STRING, .offset = offsetof(owner, shape.profile), .value_name = "NAME|FILE",     \
          .help = "a built-in profile (default, blog) or a YAML file (with a '/' or ending in .yaml)" },                                \
        { .name = "nodes", .letter = 'n', .type = OPT_STRING, .offset = offsetof(owner, shape.nodes), .value_name = "N",                 \
          .help = "servers in all: the control planes and, of the first pool, the rest" },                                              \
        { .name = "control-planes", .type = OPT_STRING, .offset = offsetof(owner, shape.control_planes), .value_name = "N",              \
          .help = "1, 3, 5, 7 or 9 control planes" },                                                                                   \
        { .name = "location", .letter = 'l', .type = OPT_LIST, .offset = offsetof(owner, shape.locations), .value_name = "NAME",         \
          .help = "locations in order of preference; may be given several times" },                                                     \
        { .name = "type", .letter = 't', .type = OPT_LIST, .offset = offsetof(owner, shape.types), .value_name = "NAME",                 \
          .help = "server types in order of preference, for all nodes" },                                                               \
        { .name = "talos", .type = OPT_STRING, .offset = offsetof(owner, shape.talos), .value_name = "VERSION",                          \
          .help = "Talos version, e.g. v1.13.9" },                                                                                      \
        { .name = "kubernetes", .type = OPT_STRING, .offset = offsetof(owner, shape.kubernetes), .value_name = "VERSION",                \
          .help = "Kubernetes version, e.g. v1.36.3" },                                                                                 \
        { .name = "operator", .type = OPT_LIST, .offset = offsetof(owner, shape.operators), .value_name = "PREFIX",                      \
          .help = "let this IPv6 prefix reach the nodes' APIs too, beside your own" },                                                  \
        { .name = "delivery", .type = OPT_STRING, .offset = offsetof(owner, shape.delivery), .value_name = "push|user-data",             \
          .help = "how configs reach nodes; by default control planes are pushed to and workers boot with user_data" },                 \
        { .name = "network", .type = OPT_STRING, .offset = offsetof(owner, shape.network), .value_name = "private|none",                 \
          .help = "attach a private IPv4 network (Kubernetes does not use it), or none" },                                              \
        { .name = "helm", .type = OPT_STRING, .offset = offsetof(owner, shape.helm), .value_name = "job|local",                          \
          .help = "install charts by a Job in the cluster, or by the helm on this machine" },                                           \
        { .name = "ipv4", .type = OPT_FLAG, .offset = offsetof(owner, shape.ipv4),                                                       \
          .help = "give the nodes IPv4 too, for registries that have no IPv6; costs extra" }

