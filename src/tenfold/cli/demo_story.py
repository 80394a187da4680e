"""What the demo does and says, chapter by chapter. Every figure it prints, it has just measured."""

from __future__ import annotations

import contextlib
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tenfold.bench.workload import As, Measurement, count_as, run_workload, tenants_by_rows
from tenfold.catalog.config_file import LoadedConfig, load_config
from tenfold.catalog.file import write_whole
from tenfold.catalog.reader import read_snapshot
from tenfold.cli.example import load_and_fill
from tenfold.cli.progress import LiveObserver
from tenfold.migrate.apply import apply
from tenfold.migrate.plan import plan
from tenfold.migrate.site import connector
from tenfold.model.audit import Audit
from tenfold.model.change import Phase, Plan
from tenfold.model.finding import Priority
from tenfold.model.snapshot import Snapshot
from tenfold.pg.connect import Connection, connect, execute_script
from tenfold.report import render
from tenfold.rules.audit import audit

ROUNDS = 5


class Measured:
    """The workload of one moment, for the typical tenant and the largest."""

    def __init__(self, typical: list[Measurement], largest: list[Measurement]) -> None:
        self.typical = {measurement.name: measurement for measurement in typical}
        self.largest = {measurement.name: measurement for measurement in largest}


class Story:
    """One telling, on one database. `journal` is the folder of what could be undone; None: the usual one."""

    def __init__(self, console: Console, dsn: str, folder: Path, journal: Path | None) -> None:
        self._console = console
        self._dsn = dsn
        self._folder = folder
        self._journal = journal
        self._loaded: LoadedConfig = load_config(folder / "tenfold.toml")

    def tell(self, tenants: int, scale: float, output: Path) -> None:
        with contextlib.closing(connect(self._dsn, writable=True, statement_timeout=0)) as connection:
            self._inherit(connection, tenants, scale)
            before = self._judge(connection)
            self._say_audit(before)
            slow = self._measure(connection, before)
            made = self._plan(connection)
            self._chapter("tenfold apply: without stopping readers or writers")
            self._apply(made, [Phase.INDEXES, Phase.KEYS, Phase.SETTINGS])
            self._console.print(
                "Killed halfway, the same command goes on where it stopped; tenfold undo takes it back."
            )
            self._isolate(connection)
            # What autovacuum would have done within minutes, and statements of the demo itself are forgotten.
            execute_script(connection, "VACUUM (ANALYZE)")
            execute_script(connection, "SELECT pg_stat_statements_reset()")
            fast = self._measure(connection, before)
            self._compare(slow, fast)
            self._say_unbound(before)
            after = self._judge(connection)
            self._say_tenancy(before, after)
            write_whole(output, render("html", after, read_snapshot(connection)).encode())
        self._console.print(f"\nThe report, one file that needs no network: [bold]{output}[/]")

    # --- chapters ---

    def _inherit(self, connection: Connection, tenants: int, scale: float) -> None:
        self._chapter("An inherited database")
        with self._console.status("loading 59 tables") as status:
            filled = load_and_fill(
                connection,
                self._folder,
                self._role,
                tenants=tenants,
                scale=scale,
                progress=lambda table, rows: status.update(f"filling {table}: {rows:,} rows"),
            )
        shares = filled.tenant_rows
        self._console.print(
            f"An outreach platform, as its team left it: 59 tables, {len(shares)} teams, "
            f"{filled.total:,} rows. The largest team has {shares[0]:,} of them, the median team "
            f"{shares[len(shares) // 2]:,}."
        )

    def _say_audit(self, judged: Audit) -> None:
        self._chapter("tenfold audit: what is wrong")
        counts = ", ".join(f"{judged.count(priority)} {priority}" for priority in Priority)
        tenancy = judged.tenancy
        self._console.print(
            f"Tenant column [bold]{tenancy.column}[/]: {'; '.join(tenancy.evidence)}.\n"
            f"{tenancy.count('tenant')} tenant tables, {tenancy.count('child')} child tables; "
            f"{judged.tenant_indexing.indexed} have an index that leads with the tenant, "
            f"{len(judged.tenant_indexing.missing)} have none.\n"
            f"{len(judged.findings)} findings: {counts}. The most urgent:"
        )
        for finding in judged.findings[:4]:
            self._console.print(f"  [bold]{finding.rule}[/] {finding.message}", soft_wrap=True)

    def _plan(self, connection: Connection) -> Plan:
        self._chapter("tenfold plan: what will be done about it")
        made = self._made(connection)
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column("phase")
        for priority in Priority:
            table.add_column(priority.value, justify="right")
        for phase in Phase:
            changes = [change for change in made.changes if change.phase is phase]
            table.add_row(
                phase.value, *(str(sum(c.priority is priority for c in changes)) for priority in Priority)
            )
        self._console.print(table)
        self._console.print(
            f"{len(made.changes)} changes, each with its undo; {len(made.skipped)} wishes were dropped, such "
            "as an index that another one covers."
        )
        return made

    def _apply(self, made: Plan, phases: list[Phase]) -> None:
        with LiveObserver(self._console, scrolling=False) as observer:
            outcome = apply(
                made,
                connector(self._dsn),
                observer=observer,
                phases=phases,
                journal_folder=self._journal,
            )
        done = [entry for entry in outcome.outcomes if entry.state == "done"]
        self._console.print(
            f"{len(done)} changes done in {sum(entry.seconds for entry in done):.1f} s; "
            f"{'nothing is missing' if outcome.complete else 'some could not be done'}."
        )

    def _isolate(self, connection: Connection) -> None:
        self._chapter("tenfold apply --phase isolation: the second wall")
        self._console.print(
            "Row-level security changes the contract with the application, so it is applied only when "
            "named.\n"
            f"From then on {self._role} sees the rows of the team in the setting "
            f"[bold]{self._loaded.config.tenancy.setting}[/], and without it none:"
        )
        seen = self._leads_seen(connection, None)
        self._console.print(f"  before: without the setting {self._role} reads {seen:,} leads, of every team")
        self._apply(self._made(connection), [Phase.ISOLATION])
        tenant = self._tenants(connection)[0]
        self._console.print(
            f"  after:  without the setting it reads {self._leads_seen(connection, None):,} leads, "
            f"with it {self._leads_seen(connection, tenant):,}, all of its own team"
        )

    def _compare(self, slow: Measured, fast: Measured) -> None:
        self._chapter("The workload, before and after")
        self._console.print(
            f"Each statement as {self._role}, for the median team, median of {ROUNDS} runs under EXPLAIN "
            "ANALYZE; what writes is rolled back.\n"
        )
        table = Table(box=None, pad_edge=False, header_style="bold", expand=True)
        for heading in ("statement", "ms", "→ ms", "blocks", "→ blocks"):
            left = heading == "statement"
            table.add_column(
                heading, justify="left" if left else "right", no_wrap=True, max_width=27 if left else 8
            )
        table.add_column("how the rows are found → now", overflow="ellipsis", no_wrap=True, ratio=1)
        for name, old in sorted(slow.typical.items(), key=lambda item: -item[1].milliseconds):
            new = fast.typical[name]
            table.add_row(
                name,
                f"{old.milliseconds:.2f}",
                f"{new.milliseconds:.2f}",
                f"{old.blocks:,}",
                f"{new.blocks:,}",
                new.access if new.access == old.access else f"{old.access.split(':')[0]} → {new.access}",
            )
        self._console.print(table)
        for whom, old_all, new_all in (
            ("median", slow.typical, fast.typical),
            ("largest", slow.largest, fast.largest),
        ):
            old_ms = sum(measurement.milliseconds for measurement in old_all.values())
            new_ms = sum(measurement.milliseconds for measurement in new_all.values())
            old_blocks = sum(measurement.blocks for measurement in old_all.values())
            new_blocks = sum(measurement.blocks for measurement in new_all.values())
            self._console.print(
                f"All {len(old_all)} for the {whom} team: {old_ms:.1f} → {new_ms:.1f} ms, "
                f"{old_blocks:,} → {new_blocks:,} blocks of 8 kB"
            )

    def _say_unbound(self, before: Audit) -> None:
        """Some statements now give other rows: that is the point, and it should not go unsaid."""
        unbound = [f.object for f in before.findings if f.rule == "query-missing-tenant-filter"]
        if unbound:
            self._console.print(
                f"{', '.join(unbound)} forgot the tenant: they read every team's rows before, and now only "
                "those of the team in the setting."
            )

    def _say_tenancy(self, before: Audit, after: Audit) -> None:
        self._chapter("Tenancy, before and after")
        table = Table(box=None, pad_edge=False, header_style="bold")
        for heading in ("", "before", "after"):
            table.add_column(heading, justify="left" if not heading else "right")
        rows = [
            ("tenant tables", *(str(audit.tenancy.count("tenant")) for audit in (before, after))),
            (
                "child tables without the tenant",
                *(str(audit.tenancy.count("child")) for audit in (before, after)),
            ),
            (
                "with an index that leads with it",
                *(str(audit.tenant_indexing.indexed) for audit in (before, after)),
            ),
            ("tables without row-level security", *(_unprotected(audit) for audit in (before, after))),
            *(
                (f"findings {priority}", *(str(audit.count(priority)) for audit in (before, after)))
                for priority in Priority
            ),
        ]
        for row in rows:
            table.add_row(*row)
        self._console.print(table)
        left = sorted({finding.rule for finding in after.findings})
        if left:
            self._console.print(
                f"What is left is for people to decide: {', '.join(left)}.", style="dim", soft_wrap=True
            )

    # --- tools ---

    @property
    def _role(self) -> str:
        return self._loaded.config.tenancy.application_role or "app"

    def _judge(self, connection: Connection) -> Audit:
        return audit(read_snapshot(connection), self._loaded.config, workload=self._loaded.workload)

    def _made(self, connection: Connection) -> Plan:
        snapshot: Snapshot = read_snapshot(connection)
        judged = audit(snapshot, self._loaded.config, workload=self._loaded.workload)
        return plan(snapshot, judged, self._loaded.config)

    def _tenants(self, connection: Connection) -> tuple[str, str]:
        """The median tenant and the largest, by leads."""
        ranked = tenants_by_rows(connection, "public.leads", "team_id")
        return ranked[len(ranked) // 2], ranked[0]

    def _measure(self, connection: Connection, judged: Audit) -> Measured:
        snapshot = read_snapshot(connection)
        measured = []
        with self._console.status("measuring the workload") as status:
            for tenant in self._tenants(connection):
                measured.append(
                    run_workload(
                        connection,
                        snapshot,
                        self._loaded.workload,
                        judged.tenancy,
                        As(tenant=tenant, role=self._role, setting=judged.tenancy.setting),
                        rounds=ROUNDS,
                        progress=lambda name: status.update(f"measuring {name}"),
                    )
                )
        return Measured(*measured)

    def _leads_seen(self, connection: Connection, tenant: str | None) -> int:
        return count_as(connection, "public.leads", self._role, self._loaded.config.tenancy.setting, tenant)

    def _chapter(self, title: str) -> None:
        self._console.print()
        self._console.rule(f"[bold]{title}", align="left", style="dim")


def _unprotected(judged: Audit) -> str:
    return str(sum(finding.rule == "tenant-rls-off" for finding in judged.findings))
