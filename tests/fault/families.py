"""The families of cases, in the order of the table. A family is a module with

  ROWS     row -> (scenario, function of harness and recorded scenario that gives the row's cases, is it in the short version)
  HURT     kind of case -> function of scenario, case and log that hurts it inside its world, and says what it hit or raises Wrong
  name()   a case in words

A case is a dict that JSON can carry, with "kind"; "scenario" when it is not the row's; "not_compared", parts of the view that may differ.
"""
import kills, lies, memory, refusals, together

FAMILIES = [kills, refusals, lies, together, memory]
ROWS = {row: (family, *what) for family in FAMILIES for row, what in family.ROWS.items()}
HURT = {kind: f for family in FAMILIES for kind, f in family.HURT.items()}
