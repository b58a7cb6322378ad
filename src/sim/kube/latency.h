/* How long things take in a real cluster, in milliseconds; struct kube_env's latency() makes them zero at --speed instant.
 * Measured: on kube-apiserver, -controller-manager and -scheduler 1.36.3 with etcd.
 * Constant: written in the source named. Estimate: nobody measured it for this project; the order of magnitude of small Hetzner
 * servers. */
#pragma once

enum {
        LATENCY_API_SERVER = 40000,      /* estimate: bootstrap to listening; image pulls, etcd, static pods. The processes alone: 2.7-5.2 s, measured */
        LATENCY_API_RESTART = 15000,     /* estimate: the same after a reboot, images being there */
        LATENCY_KUBELET = 12000,         /* estimate: pull of the kubelet image and start */
        LATENCY_BOOTSTRAP = 3000,        /* estimate: Talos applies CoreDNS and its CRD after the API server is up */
        LATENCY_ACCOUNT = 2000,          /* measured: default ServiceAccounts 2-4 s after readyz */
        LATENCY_BIND = 500,              /* measured: pod bound 0.5-1 s after the Node turned Ready */
        LATENCY_TAINT = 500,             /* measured: not-ready taint goes 0.5 s after Ready=True */
        LATENCY_PULL = 6000,             /* estimate: image of some 100 MB */
        LATENCY_START = 1000,            /* estimate */
        LATENCY_STOP = 2000,             /* estimate */
        LATENCY_HELM = 4000,             /* measured on a quick machine: 1.5-2.6 s; a CX22 is slower */
        LATENCY_CILIUM = 8000,           /* estimate: agent compiles and loads its programs */
        LATENCY_OPERATOR = 2000,         /* estimate: cilium-operator creates its CRDs */
        LATENCY_CCM = 3000,              /* estimate: start, leader election */
        LATENCY_CCM_NODE = 800,          /* estimate: one node through Talos' API */
        LATENCY_SIGN = 300,              /* estimate: approved request to certificate */
        LATENCY_DISRUPTION = 1000,       /* measured: disruptionsAllowed about a second after a change */
        LATENCY_NODE_GRACE = 40000,      /* constant: --node-monitor-grace-period was 40 s (50 s since 1.32) */
        LATENCY_EVICTION = 300000,       /* constant: default tolerationSeconds of not-ready and unreachable */
        CSR_RETRY_MS = 900000,           /* constant: client-go certificate manager waits 15 minutes, then asks anew; not scaled */
        BACKOFF_MIN_MS = 1000,           /* retries never spin, at no speed */
};
