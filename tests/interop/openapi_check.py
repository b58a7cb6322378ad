#!/usr/bin/env python3
"""Judges a trace of the simulated cloud (hcloud-v6-sim --trace FILE) by the OpenAPI description of the Hetzner Cloud API.

    openapi_check.py TRACE… SPEC [--verbose]

Answers that a fault of the simulator spoilt on purpose (they carry its name) are left out and counted. Every request and every answer of the Hetzner API in the trace counts as one. Last line: "N passed, N failed". Needs jsonschema.

Mended in a copy of the description, because it is known to be behind or wrong:
  - assignee_type of a free primary IP is "unassigned" (since 2026-09-23), and one may send assignee_type without an assignee;
  - server_type, image, location, iso, ssh_keys[] take ids as numbers too (every official client sends them);
  - errors are keyed 4xx/5xx there;
  - /datacenters answers 410;
  - adding a service to a load balancer needs no more than its protocol (the Hetzner provider sends no more; the API fills in the rest);
  - DELETE of a load balancer answers with an action (hcloud-python 2.27 reads one);
  - requests may carry keys the description does not know (the API tolerates them), answers may not.
"""
import copy
import json
import re
import sys
from urllib.parse import parse_qsl, urlsplit

try:
    import jsonschema
except ImportError:
    sys.exit("openapi_check.py: the Python package jsonschema is not installed")

ID_OR_NAME = {"server_type", "image", "location", "iso", "ssh_keys", "load_balancer_type", "home_location"}
CHANGING = ("post", "put")


def widen(schema, tolerate):
    """Applies the deltas to a schema, in place."""
    if isinstance(schema, list):
        for item in schema:
            widen(item, tolerate)
        return
    if not isinstance(schema, dict):
        return
    for name, sub in (schema.get("properties") or {}).items():
        if name == "assignee_type" and isinstance(sub, dict) and "enum" in sub:
            sub["enum"] = sorted(set(sub["enum"]) | {"unassigned"})
        if tolerate and name in ID_OR_NAME and isinstance(sub, dict):
            target = sub.get("items") if sub.get("type") == "array" else sub
            if isinstance(target, dict) and target.get("type") == "string":
                target["type"] = ["string", "integer"]
    if tolerate and schema.get("additionalProperties") is False:
        del schema["additionalProperties"]
    for sub in schema.values():
        widen(sub, tolerate)


class Description:
    def __init__(self, path):
        with open(path, encoding="utf-8") as f:
            self.spec = json.load(f)
        # fixed words before parameters: /servers/actions is also /servers/{id}
        paths = sorted(self.spec["paths"], key=lambda p: (p.count("{"), -len(p)))
        self.paths = [(re.compile("^" + re.sub(r"\{[^}]+\}", "[^/]+", p) + "$"), p) for p in paths]
        self.validators = {}

    def find(self, path):
        for pattern, name in self.paths:
            if pattern.match(path):
                return name
        return None

    def validator(self, key, schema, tolerate):
        if key not in self.validators:
            whole = copy.deepcopy(schema)
            components = copy.deepcopy(self.spec.get("components", {}))
            widen(whole, tolerate)
            widen(components, tolerate)
            self.validators[key] = jsonschema.Draft202012Validator({**whole, "components": components})
        return self.validators[key]

    @staticmethod
    def content(node):
        return next(iter(node["content"].values()))["schema"] if node and node.get("content") else None

    def request_errors(self, method, name, query, body):
        operation = self.spec["paths"][name].get(method)
        if operation is None:
            return []
        errors = []
        parameters = {p["name"]: p for p in operation.get("parameters", []) if p["in"] == "query"}
        for key, value in query:
            if key not in parameters:
                # hcloud-go asks GET /actions with sort and per_page, which works and is not described
                if name != "/actions":
                    errors.append(f"query parameter '{key}' is not described")
                continue
            schema = parameters[key].get("schema", {})
            item = schema.get("items", schema) if schema.get("type") == "array" else schema
            if "enum" in item and value not in item["enum"]:
                errors.append(f"query parameter '{key}': '{value}' is none of {item['enum']}")
        schema = self.content(operation.get("requestBody"))
        if schema is None or body is None:
            return errors
        check = self.validator(("request", method, name), schema, True)
        lenient = name == "/load_balancers/{id}/actions/add_service"
        return errors + [f"{'/'.join(map(str, e.absolute_path))}: {e.message[:300]}" for e in check.iter_errors(body)
                         if not (lenient and e.validator == "required")]

    def answer_errors(self, method, name, status, body):
        operation = self.spec["paths"].get(name, {}).get(method) if name else None
        if status >= 400:
            error = body.get("error") if isinstance(body, dict) else None
            if not isinstance(error, dict) or not isinstance(error.get("code"), str) or not isinstance(error.get("message"), str):
                return ["an error without code and message"]
            if not isinstance(error.get("details"), (dict, type(None))):
                return ["details of an error are neither object nor null"]
            return []
        if operation is None:
            return [f"{method.upper()} is not described, but was answered with {status}"]
        responses = operation["responses"]
        if (method, name) == ("delete", "/load_balancers/{id}"):
            responses = self.spec["paths"]["/servers/{id}"]["delete"]["responses"]
        if str(status) not in responses:
            return [f"status {status} is not described, only {', '.join(responses)}"]
        schema = self.content(responses[str(status)])
        if schema is None:
            return [] if body is None else ["a body where none is described"]
        if body is None:
            return ["no body"]
        check = self.validator(("answer", method, name, status), schema, False)
        return [f"{'/'.join(map(str, e.absolute_path))}: {e.message[:300]}" for e in check.iter_errors(body)]


def exchanges(path):
    with open(path, encoding="utf-8") as trace:
        for line in trace:
            if '"part":"hetzner"' not in line[:120]:
                continue
            entry = json.loads(line)
            if entry["status"]:
                yield entry


def main():
    arguments = [a for a in sys.argv[1:] if not a.startswith("--")]
    verbose = "--verbose" in sys.argv
    if len(arguments) < 2:
        sys.exit(__doc__)
    description = Description(arguments[-1])
    passed = failed = spoilt = 0
    seen = set()
    for trace in arguments[:-1]:
        for entry in exchanges(trace):
            url = urlsplit(entry["target"])
            path, method = url.path.removeprefix("/v1"), entry["method"].lower()
            name = description.find(path)
            problems = []
            # a request that was refused as wrong may be wrong
            if name and entry["status"] not in (400, 405, 410, 422):
                body = entry["request"] if method in CHANGING else None
                problems += [("request", p) for p in description.request_errors(method, name, parse_qsl(url.query, True), body)]
            sides = ("request",) if entry.get("fault") else ("request", "answer")
            spoilt += 2 - len(sides)
            if "answer" in sides:
                problems += [("answer", p) for p in description.answer_errors(method, name, entry["status"], entry["response"])]
            for side in sides:
                mine = [p for s, p in problems if s == side]
                if not mine:
                    passed += 1
                    continue
                failed += 1
                for problem in mine[:3]:
                    key = (side, method, name, re.sub(r"\d+", "N", problem))
                    if verbose or key not in seen:
                        print(f"{side} of {method.upper()} {path} ({entry['status']}): {problem}")
                    seen.add(key)
    print(f"{len(arguments) - 1} traces; {spoilt} answers were spoilt on purpose and not judged")
    print(f"{passed} passed, {failed} failed")
    if passed == 0:
        print("nothing was judged: the trace has no exchange of the Hetzner API")
    sys.exit(1 if failed or not passed else 0)


if __name__ == "__main__":
    main()
