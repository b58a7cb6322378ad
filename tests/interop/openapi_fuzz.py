#!/usr/bin/env python3
"""Schemathesis against the simulated Hetzner API of the world around: openapi_fuzz.py SPEC FOLDER [--seconds N] [--seed N]

Makes some of each resource, so that what is sent has something to act on; writes a mended copy of the description in which ids and names are
those of this world; sends what Schemathesis makes of it, first without DELETE. Judged: no 5xx, no broken connection, every status, content type
and shape as described. Each case counts as one. Last line: "N passed, N failed". Needs HCLOUD_ENDPOINT, HCLOUD_TOKEN and schemathesis.
"""
import argparse
import json
import os
import re
import subprocess
import sys
import urllib.error
import urllib.request

from openapi_mend import mend

ENDPOINT, TOKEN = os.environ["HCLOUD_ENDPOINT"], os.environ["HCLOUD_TOKEN"]
CHECKS = "not_a_server_error,response_schema_conformance,status_code_conformance,content_type_conformance"
KINDS = ("servers", "primary_ips", "floating_ips", "firewalls", "networks", "placement_groups", "ssh_keys", "images", "load_balancers", "volumes",
         "certificates", "isos", "locations", "server_types", "load_balancer_types")
NAMED = {"server_type": "server_types", "location": "locations", "load_balancer_type": "load_balancer_types", "image": "images",
         "home_location": "locations", "iso": "isos"}


def call(method, path, body=None):
    request = urllib.request.Request(ENDPOINT + path, method=method, data=None if body is None else json.dumps(body).encode(),
                                     headers={"Authorization": "Bearer " + TOKEN, "Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as e:
        sys.exit(f"{method} {path}: {e.code} {e.read().decode()}")


def furnish():
    """Three of each resource, some of them in use by others."""
    networks, servers = [], []
    for i in range(3):
        group = call("POST", "/placement_groups", {"name": f"group-{i}", "type": "spread"})["placement_group"]["id"]
        network = call("POST", "/networks", {"name": f"network-{i}", "ip_range": f"10.{i}.0.0/16", "subnets": [
            {"type": "cloud", "network_zone": "eu-central", "ip_range": f"10.{i}.0.0/24"}]})["network"]["id"]
        firewall = call("POST", "/firewalls", {"name": f"firewall-{i}", "rules": [
            {"direction": "in", "protocol": "tcp", "port": "22", "source_ips": ["::/0"]}]})["firewall"]["id"]
        call("POST", "/ssh_keys", {"name": f"key-{i}", "public_key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + "ABC"[i] * 43})
        server = call("POST", "/servers", {"name": f"server-{i}", "server_type": "cx23", "image": "debian-13", "location": "fsn1",
                                           "placement_group": group, "firewalls": [{"firewall": firewall}], "labels": {"n": str(i)}})["server"]["id"]
        if i:
            call("POST", f"/servers/{server}/actions/attach_to_network", {"network": network})
        call("POST", f"/servers/{server}/actions/create_image", {"description": "made here", "type": "snapshot"})
        for kind in ("ipv4", "ipv6"):
            call("POST", "/primary_ips", {"name": f"{kind}-{i}", "type": kind, "location": "fsn1", "assignee_type": "server"})
            call("POST", "/floating_ips", {"name": f"floating-{kind}-{i}", "type": kind, "home_location": "fsn1"})
        call("POST", "/volumes", {"name": f"volume-{i}", "size": 10, "location": "fsn1"})
        call("POST", "/load_balancers", {"name": f"balancer-{i}", "load_balancer_type": "lb11", "location": "fsn1", "services": [
            {"protocol": "tcp", "listen_port": 443, "destination_port": 443}], "targets": [{"type": "server", "server": {"id": server}}]})
        zone = call("POST", "/zones", {"name": f"example-{i}.com", "mode": "primary"})["zone"]["id"]
        for kind, value in (("A", "192.0.2.1"), ("AAAA", "2001:db8::1"), ("TXT", '"text"')):
            call("POST", f"/zones/{zone}/rrsets", {"name": "www", "type": kind, "records": [{"value": value}]})
        networks.append(network)
        servers.append(server)


def known():
    """Ids and names of this world by kind."""
    ids, names = {}, {}
    for kind in KINDS:
        items = call("GET", f"/{kind}?per_page=50")[kind]
        ids[kind] = [i["id"] for i in items][:12]
        names[kind] = [i["name"] for i in items if i.get("name")][:12]
    zones = call("GET", "/zones")["zones"]
    names["zones"] = [z["name"] for z in zones] + [str(z["id"]) for z in zones]
    ids["actions"] = [a["id"] for kind in ("servers", "firewalls", "networks", "volumes", "load_balancers", "zones")
                      for a in call("GET", f"/{kind}/actions?per_page=50")["actions"]][:40]
    return ids, names


def use_in_body(schema, ids, names):
    """Properties that point to resources take those that are there."""
    if isinstance(schema, list):
        for item in schema:
            use_in_body(item, ids, names)
    if not isinstance(schema, dict):
        return
    for name, sub in (schema.get("properties") or {}).items():
        if not isinstance(sub, dict):
            continue
        if sub.get("type") == "integer" and ids.get(name + "s"):
            sub["enum"] = ids[name + "s"]
        elif sub.get("type") == "string" and "enum" not in sub and names.get(NAMED.get(name)):
            sub["enum"] = names[NAMED[name]]
        elif sub.get("type") == "array" and ids.get(name) and isinstance(sub.get("items"), dict) and sub["items"].get("type") == "integer":
            sub["items"]["enum"] = ids[name]
    for sub in schema.values():
        use_in_body(sub, ids, names)


def use_in_path(path, parameter, ids, names):
    schema, kind = parameter["schema"], path.split("/")[1]
    if parameter["name"] == "action_id" or (parameter["name"] == "id" and "/actions/{id}" in path):
        schema["enum"] = ids["actions"]
    elif parameter["name"] == "id" and ids.get(kind):
        schema["enum"] = ids[kind]
    elif parameter["name"] == "id_or_name":
        schema["enum"] = names["zones"]
    elif parameter["name"] == "rr_name":
        schema["enum"] = ["www", "@"]


def furnished(spec, ids, names):
    for path, operations in spec["paths"].items():
        for operation in operations.values():
            use_in_body(operation.get("requestBody"), ids, names)
            for parameter in operation.get("parameters", []):
                if parameter["in"] == "path":
                    use_in_path(path, parameter, ids, names)
    return spec


def attack(folder, seed, seconds, *more):
    """Passed and failed cases of one run."""
    command = [os.path.join(os.path.dirname(sys.executable), "st"), "run", "description.json", "--url", ENDPOINT, "-H", "Authorization: Bearer " + TOKEN,
               "--checks", CHECKS, "--phases", "examples,coverage,fuzzing", "--max-examples", "20", "--max-time", str(seconds), "--seed", str(seed),
               "--no-color", "--request-timeout", "10", "--warnings", "off", "--generation-database", "none", *more]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    cases = re.search(r"(\d+) generated(.*)", run.stdout)
    generated = int(cases.group(1)) if cases else 0
    bad = sum(int(n) for n in re.findall(r"(\d+) (?:errored|failed|unique failures?)", cases.group(2))) if cases else 0
    if run.returncode != 0 or generated == 0:
        print(run.stdout[-12000:], run.stderr[-3000:])
        bad = max(bad, 1)
    print(f"Schemathesis{' ' if more else ''}{' '.join(more)}: {generated} cases, {bad} of them wrong")
    return max(generated - bad, 0), bad


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("spec")
    parser.add_argument("folder")
    parser.add_argument("--seconds", type=int, default=75)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    furnish()
    with open(options.spec, encoding="utf-8") as f:
        spec = furnished(mend(json.load(f)), *known())
    with open(os.path.join(options.folder, "description.json"), "w", encoding="utf-8") as f:
        json.dump(spec, f)
    kept = attack(options.folder, options.seed, options.seconds * 2 // 3, "--exclude-method", "DELETE")
    rest = attack(options.folder, options.seed, options.seconds // 3)
    call("GET", "/servers")          # it is still there
    passed, failed = kept[0] + rest[0], kept[1] + rest[1]
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
