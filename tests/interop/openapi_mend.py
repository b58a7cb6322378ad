#!/usr/bin/env python3
"""Writes a copy of the OpenAPI description that tools can work with: openapi_mend.py SPEC COPY

Beyond what openapi_check.py mends:
  - errors are keyed 4xx and 5xx, OpenAPI wants 4XX and 5XX; their schema is the envelope with code and message;
  - GET /datacenters and /datacenters/{id} are left out: they answer 410 since October 2026;
  - DELETE of a load balancer answers with an action;
  - a value of metrics, a pair, is described as "items": [...], which OpenAPI 3.1 does not know (and Schemathesis 4.32 stumbles over prefixItems).
"""
import copy
import json
import sys

from openapi_check import widen

REMOVED = ("/datacenters", "/datacenters/{id}")


def widen_pairs(schema):
    for sub in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        widen_pairs(sub)
    if not isinstance(schema, dict):
        return
    for key in ("items", "prefixItems"):
        if isinstance(schema.get(key), list):
            schema["items"] = {"anyOf": schema.pop(key)}


def mend(spec):
    for path in REMOVED:
        spec["paths"].pop(path, None)
    delete = copy.deepcopy(spec["paths"]["/servers/{id}"]["delete"]["responses"])
    spec["paths"]["/load_balancers/{id}"]["delete"]["responses"] = delete
    for operations in spec["paths"].values():
        for operation in operations.values():
            responses = operation["responses"]
            for wrong in ("4xx", "5xx"):
                if wrong in responses:
                    responses[wrong.upper()] = responses.pop(wrong)
            for response in responses.values():
                widen(response, False)
            widen(operation.get("requestBody"), False)
            widen_pairs(responses)
    widen(spec.get("components"), False)
    return spec


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    with open(sys.argv[1], encoding="utf-8") as f:
        spec = mend(json.load(f))
    with open(sys.argv[2], "w", encoding="utf-8") as f:
        json.dump(spec, f)


if __name__ == "__main__":
    main()
