"""Random machine config patches: mostly right, sometimes wrong in the ways people are."""
import random

# (type, …): how values of this key are made. Types are those of talos: config/types/v1alpha1/v1alpha1_types.go.
TEXT, NUMBER, BOOL, TEXTS, MAP, ARGS, FREE, PAIR = "text number bool texts map args free pair".split()
ROUTE = {"network": TEXT, "gateway": TEXT, "metric": NUMBER, "mtu": NUMBER}
VLAN = {"vlanId": "vlan", "addresses": TEXTS, "mtu": NUMBER, "dhcp": BOOL, "routes": [ROUTE]}
INTERFACE = {"interface": "link", "addresses": TEXTS, "routes": [ROUTE], "mtu": NUMBER, "dhcp": BOOL, "vlans": [VLAN],
             "deviceSelector": {"busPath": "bus", "driver": "driver"}, "dhcpOptions": {"routeMetric": NUMBER, "ipv4": BOOL}, "vip": {"ip": TEXT}}
MACHINE = {
    "token": TEXT, "certSANs": TEXTS, "ca": PAIR,
    "controlPlane": {"controllerManager": {"disabled": BOOL}, "scheduler": {"disabled": BOOL}},
    "kubelet": {"image": TEXT, "clusterDNS": TEXTS, "extraArgs": ARGS, "extraConfig": FREE, "nodeIP": {"validSubnets": TEXTS}, "registerWithFQDN": BOOL,
                "extraMounts": [{"destination": TEXT, "type": TEXT, "source": TEXT, "options": TEXTS}], "skipNodeRegistration": BOOL},
    "network": {"hostname": TEXT, "nameservers": TEXTS, "searchDomains": TEXTS, "interfaces": [INTERFACE], "disableSearchDomain": BOOL,
                "extraHostEntries": [{"ip": TEXT, "aliases": TEXTS}], "kubespan": {"enabled": BOOL, "mtu": NUMBER, "filters": {"endpoints": TEXTS}}},
    "install": {"disk": TEXT, "image": TEXT, "wipe": BOOL, "extraKernelArgs": TEXTS, "extensions": [{"image": TEXT}]},
    "files": [{"content": TEXT, "permissions": "mode", "path": TEXT, "op": TEXT}],
    "env": MAP, "sysctls": MAP, "sysfs": MAP, "nodeLabels": MAP, "nodeAnnotations": MAP, "nodeTaints": MAP,
    "time": {"disabled": BOOL, "servers": TEXTS, "bootTimeout": "duration"},
    "registries": {"mirrors": {"*key": {"endpoints": TEXTS, "overridePath": BOOL, "skipFallback": BOOL}},
                   "config": {"*key": {"auth": {"username": TEXT, "password": TEXT}, "tls": {"insecureSkipVerify": BOOL}}}},
    "features": {"rbac": BOOL, "kubePrism": {"enabled": BOOL, "port": NUMBER}, "hostDNS": {"enabled": BOOL, "forwardKubeDNSToHost": BOOL},
                 "kubernetesTalosAPIAccess": {"enabled": BOOL, "allowedRoles": TEXTS, "allowedKubernetesNamespaces": TEXTS}},
    "udev": {"rules": TEXTS}, "kernel": {"modules": [{"name": TEXT, "parameters": TEXTS}]},
    "logging": {"destinations": [{"endpoint": "url", "format": TEXT, "extraTags": MAP}]},
}
COMPONENT = {"image": TEXT, "extraArgs": ARGS, "env": MAP, "extraVolumes": [{"hostPath": TEXT, "mountPath": TEXT, "readonly": BOOL}]}
CLUSTER = {
    "id": TEXT, "clusterName": TEXT, "token": TEXT, "controlPlane": {"endpoint": "url", "localAPIServerPort": NUMBER},
    "network": {"cni": {"name": TEXT, "urls": TEXTS}, "dnsDomain": TEXT, "podSubnets": TEXTS, "serviceSubnets": TEXTS},
    "apiServer": {**COMPONENT, "certSANs": TEXTS, "disablePodSecurityPolicy": BOOL, "auditPolicy": FREE,
                  "admissionControl": [{"name": "plugin", "configuration": FREE}]},
    "controllerManager": COMPONENT, "scheduler": {**COMPONENT, "config": FREE},
    "proxy": {"disabled": BOOL, "image": TEXT, "mode": TEXT, "extraArgs": ARGS},
    "etcd": {"image": TEXT, "extraArgs": ARGS, "advertisedSubnets": TEXTS, "listenSubnets": TEXTS},
    "discovery": {"enabled": BOOL, "registries": {"kubernetes": {"disabled": BOOL}, "service": {"disabled": BOOL, "endpoint": TEXT}}},
    "coreDNS": {"disabled": BOOL, "image": TEXT}, "externalCloudProvider": {"enabled": BOOL, "manifests": TEXTS},
    "extraManifests": TEXTS, "extraManifestHeaders": MAP, "inlineManifests": [{"name": TEXT, "contents": TEXT}],
    "adminKubeconfig": {"certLifetime": "duration"}, "allowSchedulingOnControlPlanes": BOOL,
}
ROOT = {"machine": MACHINE, "cluster": CLUSTER, "debug": BOOL}
DOCUMENTS = [
    {"kind": "HostnameConfig", "fields": {"auto": "hostauto", "hostname": TEXT}},
    {"kind": "ResolverConfig", "fields": {"nameservers": [{"address": "ip"}], "searchDomains": {"domains": TEXTS, "disableDefault": BOOL}}},
    {"kind": "TimeSyncConfig", "fields": {"enabled": BOOL, "bootTimeout": "duration", "ntp": {"servers": TEXTS}}},
    {"kind": "LinkConfig", "named": True, "fields": {"up": BOOL, "mtu": NUMBER, "addresses": [{"address": "prefix"}]}},
    {"kind": "NetworkDefaultActionConfig", "fields": {"ingress": "action"}},
    {"kind": "NetworkRuleConfig", "named": True, "fields": {"portSelector": {"ports": "ports", "protocol": "protocol"}, "ingress": [{"subnet": "prefix"}]}},
    {"kind": "RegistryMirrorConfig", "named": True, "fields": {"endpoints": [{"url": "url", "overridePath": BOOL}], "skipFallback": BOOL}},
    {"kind": "RegistryAuthConfig", "named": True, "fields": {"username": TEXT, "password": TEXT}},
    {"kind": "EnvironmentConfig", "fields": {"variables": MAP}},
    {"kind": "ExtensionServiceConfig", "named": True, "fields": {"configFiles": [{"content": TEXT, "mountPath": "mount"}], "environment": TEXTS}},
    {"kind": "KmsgLogConfig", "named": True, "fields": {"url": "url"}},
    {"kind": "WatchdogTimerConfig", "fields": {"device": TEXT, "timeout": "duration"}},
]
# Those of Talos 1.14 (config/types/{k8s,cluster,runtime,cri,block} there). Endpoints keep their shape, because Talos merges URLs part by part.
RESOURCES = {"requests": FREE, "limits": FREE}
DOCUMENTS_114 = [d for d in DOCUMENTS if d["kind"] != "ResolverConfig"] + [
    {"kind": "ResolverConfig", "fields": {"nameservers": [{"address": "ip"}], "searchDomains": {"domains": TEXTS, "disableDefault": BOOL},
                                          "hostDNS": {"enabled": BOOL, "forwardKubeDNSToHost": BOOL, "resolveMemberNames": BOOL}}},
    {"kind": "KubeClusterConfig", "fields": {"clusterName": TEXT}},
    {"kind": "KubeNodeConfig", "fields": {"nodeIP": {"validSubnets": TEXTS}, "labels": MAP, "annotations": MAP, "taints": MAP, "registerWithFQDN": BOOL, "skipNodeRegistration": BOOL}},
    {"kind": "KubeletConfig", "fields": {"image": TEXT, "config": FREE, "extraArgs": ARGS, "clusterDNS": TEXTS, "defaultRuntimeSeccompProfileEnabled": BOOL}},
    {"kind": "KubeNetworkConfig", "fields": {"dnsDomain": TEXT, "podSubnets": "prefixes", "serviceSubnets": "prefixes", "nodeCIDRMaskSizeIPv4": NUMBER, "nodeCIDRMaskSizeIPv6": NUMBER}},
    {"kind": "KubeAPIServerCAConfig", "fields": {"issuingCA": {"cert": TEXT, "key": TEXT}, "acceptedCAs": TEXTS}},
    {"kind": "KubeAggregatorCAConfig", "fields": {"issuingCA": {"cert": TEXT, "key": TEXT}, "acceptedCAs": TEXTS}},
    {"kind": "KubePrismConfig", "fields": {"port": NUMBER, "tlsServerName": TEXT}},
    {"kind": "KubeAdmissionControlConfig", "named": True, "fields": {"configuration": FREE}},
    {"kind": "KubeAuditPolicyConfig", "fields": {"configuration": FREE}},
    {"kind": "KubeAuthenticationConfig", "fields": {"configuration": FREE}},
    {"kind": "KubeCredentialProviderConfig", "fields": {"configuration": FREE}},
    {"kind": "KubeAuthorizerConfig", "named": True, "fields": {"type": TEXT, "webhook": FREE}},
    {"kind": "KubeEtcdEncryptionConfig", "fields": {"config": FREE}},
    {"kind": "KubeServiceAccountConfig", "fields": {"issuer": {"privateKey": TEXT}, "accepted": {"publicKeys": TEXTS, "audiences": TEXTS}}},
    {"kind": "KubeAPIServerConfig", "fields": {"image": TEXT, "extraArgs": ARGS, "env": MAP, "resources": RESOURCES, "apiPort": NUMBER, "certExtraSANs": TEXTS, "startupProbes": BOOL}},
    {"kind": "KubeControllerManagerConfig", "fields": {"enabled": BOOL, "image": TEXT, "extraArgs": ARGS, "env": MAP, "resources": RESOURCES}},
    {"kind": "KubeSchedulerConfig", "fields": {"enabled": BOOL, "image": TEXT, "config": FREE, "extraArgs": ARGS, "env": MAP, "resources": RESOURCES}},
    {"kind": "KubeProxyConfig", "fields": {"enabled": BOOL, "image": TEXT, "mode": TEXT, "config": FREE, "extraArgs": ARGS, "resources": RESOURCES}},
    {"kind": "KubeFlannelCNIConfig", "fields": {"backendType": TEXT, "backendPort": NUMBER, "backendMTU": NUMBER, "backendExtraConfig": FREE, "resources": RESOURCES, "extraArgs": TEXTS,
                                                "kubeNetworkPoliciesEnabled": BOOL}},
    {"kind": "KubeCoreDNSConfig", "fields": {"enabled": BOOL, "image": TEXT}},
    {"kind": "KubeExternalManifestConfig", "named": True, "fields": {"headers": MAP, "url": "url"}},
    {"kind": "KubeInlineManifestConfig", "named": True, "fields": {"manifest": TEXT}},
    {"kind": "KubeStaticPodConfig", "named": True, "fields": {"pod": FREE}},
    {"kind": "KubeTalosAPIAccessConfig", "fields": {"allowedRoles": TEXTS, "allowedKubernetesNamespaces": TEXTS}},
    {"kind": "DiscoveryServiceConfig", "named": True, "fields": {"endpoint": "url"}},
    {"kind": "DiscoveryIdentityConfig", "fields": {"clusterID": TEXT, "clusterSecret": TEXT}},
    {"kind": "SysctlConfig", "fields": {"params": MAP}}, {"kind": "SysfsConfig", "fields": {"params": MAP}},
    {"kind": "UdevRulesConfig", "fields": {"rules": TEXTS}}, {"kind": "KernelModuleConfig", "named": True, "fields": {"parameters": TEXTS}},
    {"kind": "SecurityProfileConfig", "fields": {"workloadIsolation": BOOL}}, {"kind": "FilesystemTrimConfig", "fields": {"interval": "duration"}},
    {"kind": "FilesystemScrubConfig", "fields": {"interval": "duration"}}, {"kind": "ImageCacheConfig", "fields": {"local": {"enabled": BOOL}}},
    {"kind": "CRICustomizationConfig", "named": True, "fields": {"content": TEXT}}, {"kind": "CRIBaseRuntimeSpecConfig", "fields": {"overrides": FREE}},
    {"kind": "UnattendedInstallConfig", "fields": {"reboot": BOOL, "installer": {"image": TEXT}, "provisioning": {"wipe": BOOL}}},
    {"kind": "VolumeConfig", "named": True, "fields": {"mount": {"secure": BOOL, "disableAccessTime": BOOL}, "trim": {"enabled": BOOL, "interval": "duration"},
                                                       "scrub": {"enabled": BOOL, "interval": "duration"}, "provisioning": {"grow": BOOL}}},
]
TEXTS_OF = ["a", "b", "::1", "2001:db8::/32", "off", "yes", "true", "007", "0x10", "1_000", "1e3", "~", "null", "", "x y", "a: b # c", "*,-x", "2024-01-02",
            "1:30", ".5", "- x", "line\nbreak", "ünï", "%", "@a", "{}", "[x]", "'", '"', "8192", " lead", "trail ", "!x", "&y", "=", "<<"]
KEYS = ["a", "b", "kube.io/x", "net.ipv6.conf.all.forwarding", "v", "max-pods", "7", "true", "ghcr.io", "*"]


class Make:
    def __init__(self, seed, documents=DOCUMENTS, share=0.2):
        self.r, self.documents, self.share = random.Random(seed), documents, share
        # The YAML library of 1.14 refuses an unquoted date where text should be: docs/talos-differences.md.
        self.dates = documents is DOCUMENTS

    def quoted(self, text):
        """A text as YAML in one of the ways it can be written."""
        plain = text and text.strip() == text and all(c.isalnum() or c in "._/-" for c in text) and text[0] not in "-"
        if plain and self.r.random() < 0.7 and (self.dates or text != "2024-01-02"):
            return text
        if "\n" not in text and self.r.random() < 0.3:
            return "'" + text.replace("'", "''") + "'"
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'

    def text(self):
        return self.quoted(self.r.choice(TEXTS_OF))

    def scalar(self, kind):
        r = self.r
        # An endpoint is the one text that Talos merges part by part, and a date in a free map becomes a time: docs/talos-differences.md.
        if r.random() < 0.02 and kind != "url":
            return r.choice(["null", "~", "{}", "[]", "[x]", "{a: b}", "1", "x", '"1"'])
        if kind == TEXT:
            return self.text()
        if kind == NUMBER:
            return str(r.choice([0, 1, 100, 1450, 7445, 443])) if r.random() < 0.97 else r.choice(["x", '"1"', "1.5", "-1", "0x10", "0o17", "017", "1_000"])
        if kind == BOOL:
            return r.choice(["true", "false"]) if r.random() < 0.97 else r.choice(["yes", '"true"', "True", "1", "off", "null"])
        fixed = {"vlan": ["1", "2", "100"], "link": ["eth0", "eth1", "bond0"], "bus": ['"0*"', "pci"], "driver": ["virtio", "mlx"], "mode": ["0o644", "0644", "420", "0"],
                 "plugin": ["PodSecurity", "EventRateLimit"], "duration": ["1m0s", "5s", "1h30m"], "url": ["https://a.example:6443", '"https://[2001:db8::1]:6443"'],
                 "hostauto": ["stable", '"off"', "off"], "ip": ["2001:db8::1", "192.0.2.1"], "prefix": ["2001:db8::/32", "10.0.0.0/8"], "action": ["block", "accept"],
                 "ports": ["[80]", "[80, 443-444]", "[]"], "protocol": ["tcp", "udp"], "prefixes": ["[fd40::/96]", '["2001:db8::/32", 10.0.0.0/8]', "[]", "[x]"], "mount": ["/a", "/b"]}
        return r.choice(fixed[kind])

    def free(self, depth, indent):
        r, pad = self.r, "  " * indent
        if depth > 2 or r.random() < 0.5:
            return " " + r.choice([self.text().replace("2024-01-02", "date").replace("1_000", "underscore"), "1", "0", "true", "false", "1.5", "null"])
        if r.random() < 0.3:
            return "".join(f"\n{pad}-{self.free(3, indent + 1)}" for _ in range(r.randint(1, 3)))
        return "".join(f"\n{pad}{k}:{self.free(depth + 1, indent + 1)}" for k in r.sample(["kind", "x", "w", "z"], r.randint(1, 3)))

    def value(self, kind, indent, in_list=False):
        """The YAML after "key:"; begins with a blank or a line break."""
        r, pad = self.r, "  " * indent
        if r.random() < 0.015:
            return r.choice([" null", " {}", " []", "", " null" if kind == "url" else " x"])
        if r.random() < 0.02:
            return f"\n{pad}$patch: delete"
        if isinstance(kind, dict):
            return self.mapping(kind, indent)
        if isinstance(kind, list):
            return self.elements(kind[0], indent)
        if kind == TEXTS:
            if r.random() < 0.1:
                return " []"
            items = [self.text() for _ in range(r.randint(1, 3))]
            return "".join(f"\n{pad}- {i}" for i in items) if r.random() < 0.7 else " [" + ", ".join(self.quoted(r.choice("abcde")) for _ in items) + "]"
        if kind == MAP:
            return "".join(f"\n{pad}{self.quoted(k)}: {self.text() if r.random() < 0.95 else self.scalar(TEXT)}" for k in r.sample(KEYS, r.randint(1, 3)))
        if kind == ARGS:
            return "".join(f"\n{pad}{self.quoted(k)}: " + (self.text() if r.random() < 0.7 else "[" + ", ".join(self.quoted(r.choice("abc")) for _ in range(r.randint(0, 2))) + "]")
                           for k in r.sample(KEYS, r.randint(1, 3)))
        if kind == FREE:
            return self.mapping({k: "anything" for k in ["kind", "x", "w"]}, indent)
        if kind == PAIR:
            return "".join(f"\n{pad}{k}: {r.choice(['Zm9v', 'YmFy'])}" for k in r.sample(["crt", "key"], r.randint(1, 2)))
        if kind == "anything":
            return self.free(1, indent)
        return " " + self.scalar(kind)

    def mapping(self, fields, indent):
        r, pad = self.r, "  " * indent
        if "*key" in fields:
            return "".join(f"\n{pad}{self.quoted(k)}:{self.value(fields['*key'], indent + 1)}" for k in r.sample(KEYS, r.randint(1, 2)))
        names = r.sample(list(fields), min(len(fields), r.choice([1, 1, 1, 2, 2, 3])))
        lines = [f"\n{pad}{name}:{self.value(fields[name], indent + 1)}" for name in names]
        if r.random() < 0.006:
            lines.append(f"\n{pad}unknownKey: 1")
        if r.random() < 0.004:
            lines.append(lines[0])
        return "".join(lines)

    def elements(self, fields, indent):
        r, pad = self.r, "  " * indent
        out = ""
        for _ in range(r.choice([1, 1, 2])):
            # The key by which an element is found is almost always given.
            first = next(iter(fields))
            body = f"{first}: {self.scalar(fields[first])}" if r.random() < 0.9 and isinstance(fields[first], str) and fields[first] not in (TEXTS,) else None
            rest = {k: v for k, v in fields.items() if k != first} if body else fields
            if r.random() < 0.08:
                out += f"\n{pad}- {body or 'a: b'}\n{pad}  $patch: delete"
                continue
            more = self.mapping(rest, indent + 1) if rest and (not body or r.random() < 0.8) else ""
            out += f"\n{pad}- {body}{more}" if body else f"\n{pad}-{' ' + more.strip() if more.strip() else ' {}'}"
        return out

    def document(self):
        r, d = self.r, self.r.choice(self.documents)
        name = f"name: {r.choice(['one', 'two', 'eth0'])}\n" if d.get("named") else ""
        head = f"apiVersion: v1alpha1\nkind: {d['kind']}\n{name}"
        return head + ("$patch: delete\n" if r.random() < 0.15 else self.mapping(d["fields"], 0).lstrip("\n") + "\n")

    def patch(self):
        r, parts = self.r, []
        for _ in range(r.choice([1, 1, 1, 2])):
            parts.append(self.document() if r.random() < self.share else self.mapping(ROOT, 0).lstrip("\n") + "\n")
        return "---\n".join(parts)
