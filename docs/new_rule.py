"""Scaffolds a rule: `python -m docs.new_rule GROUP/ID` makes its file and its case, `make docs` its page."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from tenfold.rules.rule import GROUPS

ROOT = Path(__file__).parents[1]

RULE = '''"""One sentence that says what is wrong with the object.

## What it finds

The condition, exactly, and what it does not count.

## Why it matters

The mechanism: what the planner, a lock or vacuum does because of it.

## How to fix

What the fix changes, what it locks and what it costs.

## When to ignore

An honest exemption.
"""

from __future__ import annotations

from collections.abc import Iterator

from tenfold.model.finding import Finding
from tenfold.rules.subject import Subject

ID = "{id}"


def check(subject: Subject) -> Iterator[Finding]:
    for relation in subject.tables:
        if relation.comment == "a condition that shows the fault":
            yield Finding(
                rule=ID,
                priority=subject.priority(relation),
                object=relation.display,
                relation=relation.oid,
                message=f"{{relation.display}} has the fault, and its consequence in a few words",
            )
'''

CASE = """rule: {id}
cases:
  - name: the fault is found
    sql: |
      CREATE TABLE faulty (id bigint PRIMARY KEY);
      COMMENT ON TABLE faulty IS 'a condition that shows the fault';
    finds: [{{object: faulty, priority: P2}}]
  - name: what is near to it stays silent
    sql: |
      CREATE TABLE sound (id bigint PRIMARY KEY);
    finds: []
"""


def main(arguments: list[str]) -> int:
    group, _, rule_id = (arguments[0] if arguments else "").partition("/")
    if group not in GROUPS or not re.fullmatch(r"[a-z][a-z0-9-]*", rule_id):
        print(f"usage: make new-rule ID=GROUP/ID with GROUP one of {', '.join(GROUPS)}", file=sys.stderr)
        return 2
    rule = ROOT / "src/tenfold/rules" / group / f"{rule_id.replace('-', '_')}.py"
    case = ROOT / "tests/cases" / f"{rule_id}.yml"
    taken = [file for file in (rule, case) if file.exists()]
    if taken:
        print(f"{taken[0].relative_to(ROOT)} is there already; nothing was written", file=sys.stderr)
        return 2
    rule.write_text(RULE.format(id=rule_id), encoding="utf-8")
    case.write_text(CASE.format(id=rule_id), encoding="utf-8")
    print(f"wrote {rule.relative_to(ROOT)} and {case.relative_to(ROOT)}; fill them in, then: make docs test")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
