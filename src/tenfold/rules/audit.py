"""Runs the rules over a subject: ignores what the configuration ignores, names what could not be decided."""

from __future__ import annotations

import datetime
import gc
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Generator, Iterable
from contextlib import contextmanager

from tenfold.model.activity import Statement
from tenfold.model.audit import Audit
from tenfold.model.config import Config, Ignore
from tenfold.model.finding import Finding, Ignored, RuleFailure
from tenfold.model.snapshot import Snapshot
from tenfold.model.wording import counted
from tenfold.rules.checklist import checklist
from tenfold.rules.metrics import metrics
from tenfold.rules.rule import Rule, all_rules
from tenfold.rules.subject import Subject
from tenfold.tenancy.detect import find_tenancy

#: Objects that may be made before the youngest are looked through; some 10 MB of them.
_ALLOCATIONS = 50_000

#: What is hidden of many relations at once, and how a report says it.
_COUNTED = {
    "statistics": ("what rests on the planner statistics of {}", "table"),
    "sequences": ("the last values of {}", "sequence"),
}


@contextmanager
def _patient_collector() -> Generator[None]:
    """Has garbage cycles looked for less often: only parsed SQL leaves any, and each look at everything walks
    all of a snapshot.
    """
    before = gc.get_threshold()
    gc.set_threshold(max(_ALLOCATIONS, before[0]), *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


@_patient_collector()
def audit(
    snapshot: Snapshot,
    config: Config = Config(),
    *,
    workload: tuple[Statement, ...] = (),
    rules: Collection[Rule] | None = None,
    baseline: Collection[str] = (),
    progress: Callable[[str], None] | None = None,
) -> Audit:
    """Judges a snapshot by all rules, or the given ones.

    `baseline` holds keys of findings that are known: they are reported as ignored. `progress` is told each
    rule's id before it runs.
    """
    subject = Subject(
        snapshot=snapshot,
        tenancy=find_tenancy(snapshot, config.tenancy, exclude_schemas=config.exclude_schemas),
        config=config,
        workload=workload,
    )
    found: list[Finding] = []
    undecided: list[RuleFailure] = []
    decided: set[str] = set()
    for rule in all_rules() if rules is None else rules:
        if progress is not None:
            progress(rule.id)
        if rule.needs_tenancy and subject.tenancy.column is None:
            decided.add(rule.id)
            continue
        hidden = [entry for entry in snapshot.hidden if entry.what in rule.needs and entry.relation is None]
        if hidden:
            undecided.append(RuleFailure(rule.id, hidden[0].why))
            continue
        found.extend(rule.check(subject))
        decided.add(rule.id)
    kept, ignored = _silence(found, config.ignore, frozenset(baseline), _today(snapshot))
    return Audit(
        database=snapshot.database.name,
        server_version=snapshot.server.version,
        taken=snapshot.server.now,
        tenancy=subject.tenancy,
        tenant_indexing=subject.tenant_indexing,
        findings=tuple(sorted(kept, key=_order)),
        ignored=tuple(ignored),
        undecided=(*undecided, *_unseen(snapshot)),
        metrics=metrics(subject),
        checklist=checklist(subject, kept, decided),
    )


def _unseen(snapshot: Snapshot) -> Iterable[RuleFailure]:
    """What was hidden of single relations: by name where no rule could judge them, else counted."""
    counts: Counter[tuple[tuple[str, str], str]] = Counter()
    for entry in snapshot.hidden:
        if entry.relation is None:
            continue
        relation = snapshot.relation_by_oid.get(entry.relation)
        if entry.what == "definitions" and relation is not None:
            yield RuleFailure(f"{relation.display}", f"no rule could judge it: {entry.why}")
        elif entry.what in _COUNTED:
            counts[_COUNTED[entry.what], entry.why] += 1
    for ((what, noun), why), count in counts.items():
        yield RuleFailure(what.format(counted(count, noun)), why)


def _order(finding: Finding) -> tuple[str, str, str, str]:
    return finding.priority.value, finding.rule, finding.object, finding.detail or ""


def _today(snapshot: Snapshot) -> datetime.date:
    return datetime.datetime.fromisoformat(snapshot.server.now).date()


def _silence(
    found: Iterable[Finding], ignores: Collection[Ignore], baseline: frozenset[str], today: datetime.date
) -> tuple[list[Finding], list[Ignored]]:
    kept: list[Finding] = []
    ignored: list[Ignored] = []
    live: defaultdict[str, list[Ignore]] = defaultdict(list)
    for ignore in ignores:
        if ignore.expires is None or today <= ignore.expires:
            live[ignore.rule].append(ignore)
    for finding in found:
        matching = (each for each in live.get(finding.rule, ()) if each.object in (None, finding.object))
        reason = next((ignore.reason for ignore in matching), None)
        if reason is None and baseline and finding.key in baseline:
            reason = "in the baseline"
        if reason is None:
            kept.append(finding)
        else:
            ignored.append(Ignored(finding, reason))
    return kept, ignored
