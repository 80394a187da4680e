"""The SQL of remedies on partitioned tables, where one statement does not do."""

from __future__ import annotations

from tenfold.model.remedy import AddForeignKey, CreateIndex, Key, Partition, Table
from tenfold.model.remedy_sql import statements

ROOT, MIDDLE, OLD, NEW = (Table("public", name) for name in ("logs", "logs_mid", "logs_old", "logs_new"))


def test_an_index_on_a_partitioned_table_is_declared_built_on_each_part_and_attached() -> None:
    remedy = CreateIndex(
        table=ROOT,
        keys=(Key(column="team_id"),),
        partitions=(
            Partition(OLD, ROOT),
            Partition(MIDDLE, ROOT, partitioned=True),
            Partition(NEW, MIDDLE),
        ),
    )
    assert statements(remedy) == (
        "CREATE INDEX idx_logs_team_id ON ONLY public.logs (team_id)",
        "CREATE INDEX CONCURRENTLY idx_logs_old_team_id ON public.logs_old (team_id)",
        "CREATE INDEX idx_logs_mid_team_id ON ONLY public.logs_mid (team_id)",
        "CREATE INDEX CONCURRENTLY idx_logs_new_team_id ON public.logs_new (team_id)",
        "ALTER INDEX public.idx_logs_mid_team_id ATTACH PARTITION public.idx_logs_new_team_id",
        "ALTER INDEX public.idx_logs_team_id ATTACH PARTITION public.idx_logs_mid_team_id",
        "ALTER INDEX public.idx_logs_team_id ATTACH PARTITION public.idx_logs_old_team_id",
    )


def test_parts_of_a_named_index_do_not_share_its_name() -> None:
    remedy = CreateIndex(
        table=ROOT, keys=(Key(column="team_id"),), name="by_team", partitions=(Partition(OLD, ROOT),)
    )
    declared, built, attached = statements(remedy)
    assert declared == "CREATE INDEX by_team ON ONLY public.logs (team_id)"
    assert built == "CREATE INDEX CONCURRENTLY logs_old_by_team ON public.logs_old (team_id)"
    assert attached == "ALTER INDEX public.by_team ATTACH PARTITION public.logs_old_by_team"


def test_a_foreign_key_is_validated_on_each_part_and_then_adopted() -> None:
    remedy = AddForeignKey(
        table=ROOT,
        name="logs_team_id_fkey",
        columns=("team_id",),
        parent=Table("public", "teams"),
        parent_columns=("id",),
        on_delete="CASCADE",
        partitions=(OLD,),
    )
    key = "FOREIGN KEY (team_id) REFERENCES public.teams (id) ON DELETE CASCADE"
    assert statements(remedy) == (
        f"ALTER TABLE public.logs_old ADD CONSTRAINT logs_team_id_fkey {key} NOT VALID",
        "ALTER TABLE public.logs_old VALIDATE CONSTRAINT logs_team_id_fkey",
        f"ALTER TABLE public.logs ADD CONSTRAINT logs_team_id_fkey {key}",
    )
