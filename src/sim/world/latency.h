/* How long things take in reality, in milliseconds, and where the figure comes from. At --speed instant all of them are 0: an action is
 * "running" in the answer that started it and done when it is next asked for.
 *
 * Nobody has measured them for this project on the real service. [P]: the order of magnitude that Packer's and Terraform's hcloud plugins show in their
 * logs (server create 5 to 20 s, power on 2 to 6 s, create_image 60 to 130 s); [T]: the same of Talos' boot (12 to 25 s to the maintenance API), both from
 * memory, no single log is cited; [G]: an estimate. They are what one should plan for, not promises. */
#pragma once

enum {
        LATENCY_CREATE_SERVER = 9000,          /* [P] */
        LATENCY_DELETE_SERVER = 3000,          /* [P] */
        LATENCY_START_SERVER = 3000,           /* [P] */
        LATENCY_STOP_SERVER = 2500,            /* [P] */
        LATENCY_SHUTDOWN = 4000,               /* [G] from the ACPI signal to "off" */
        LATENCY_RESET_SERVER = 3000,           /* [G] */
        LATENCY_REBUILD_SERVER = 15000,        /* [P] */
        LATENCY_CREATE_IMAGE = 75000,          /* [P] for a few hundred MB */
        LATENCY_CHANGE_TYPE = 30000,           /* [G] */
        LATENCY_RESCUE = 2000,                 /* [G] */
        LATENCY_RESCUE_BOOT = 25000,           /* [P] power on to an sshd that answers */
        LATENCY_FIRMWARE = 6000,               /* [T] power on to the kernel; what follows is sim/talos' own */
        LATENCY_APPLY_FIREWALL = 3000,         /* [G] "within seconds" in the documentation */
        LATENCY_SET_RULES = 1000,              /* [G] */
        LATENCY_FIREWALL_IN_USE = 8000,        /* hcloud Terraform provider 461, 463: resource_in_use for seconds after the server is gone */
        LATENCY_PRIMARY_IP = 1500,             /* [G] assign, unassign */
        LATENCY_NETWORK = 3000,                /* [P] attach, detach */
        LATENCY_SMALL = 500,                   /* [G] labels of the action kind: protection, dns_ptr, subnets */
        LATENCY_VOLUME = 4000,                 /* [G] */
        LATENCY_LOAD_BALANCER = 4000,          /* [G] */
        LATENCY_CERTIFICATE = 20000,           /* [G] issuance by an ACME CA */
        LATENCY_ZONE = 1000,                   /* [G] */
        LATENCY_API_ANSWER = 40,               /* [G] one request; a server create answers after 300 */
        LATENCY_API_CREATE = 300,
};
