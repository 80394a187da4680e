"""Pipelines and their stages, in order, each with the probability that a deal in it is won."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from tenfold.runtime import Session
from tenfold_hub.crm.beside import beside
from tenfold_hub.kit.journal import Change
from tenfold_hub.kit.principal import Principal
from tenfold_hub.kit.problems import Fault
from tenfold_hub.kit.records import MOST_ITEMS, Records
from tenfold_hub.kit.resource import Filter, Resource, Sort, Thing
from tenfold_hub.kit.rows import Values
from tenfold_hub.kit.showing import shower

Name = Annotated[str, Meta(min_length=1, max_length=200)]
Position = Annotated[int, Meta(ge=0, le=1_000_000)]
Percent = Annotated[int, Meta(ge=0, le=100)]
Outcome = Literal["open", "won", "lost"]


class Stage(Thing, kw_only=True):
    pipeline_id: str
    name: str
    position: int
    probability: int
    outcome: Outcome


class StageOfPipeline(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    name: Name
    probability: Percent = 0
    outcome: Outcome = "open"


class NewStage(StageOfPipeline, forbid_unknown_fields=True, kw_only=True):
    pipeline_id: str
    position: Position


class StagePatch(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What a stage means for a deal stays: deals that are in it were won or lost by it."""

    name: Name | UnsetType = UNSET
    position: Position | UnsetType = UNSET
    probability: Percent | UnsetType = UNSET


class Pipeline(Thing, kw_only=True):
    name: str


class NewPipeline(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """With its stages in order; the usual ones, if none are named."""

    name: Name
    stages: Annotated[list[StageOfPipeline], Meta(max_length=50)] = []


class PipelinePatch(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    name: Name | UnsetType = UNSET


#: Between two stages there is room for others.
_STEP = 10
USUAL = [
    StageOfPipeline(name="Appointment scheduled", probability=20),
    StageOfPipeline(name="Qualified to buy", probability=40),
    StageOfPipeline(name="Presentation", probability=60),
    StageOfPipeline(name="Contract sent", probability=90),
    StageOfPipeline(name="Won", probability=100, outcome="won"),
    StageOfPipeline(name="Lost", probability=0, outcome="lost"),
]

PIPELINES = Resource(
    name="pipelines",
    singular="pipeline",
    prefix="pip",
    schema="crm",
    table="pipelines",
    columns={"name": "text"},
    shown=Pipeline,
    new=NewPipeline,
    patch=PipelinePatch,
    sorts={"created_at": Sort()},
    default_sort="created_at",
    expands={"stages": "stages"},
    whole=("stages",),
    constraints={"pipelines_name_key": Fault("/name", "taken", "another pipeline has this name")},
    read_scope="deals:read",
    write_scope="pipelines:write",
)
STAGES = Resource(
    name="stages",
    singular="stage",
    prefix="stg",
    schema="crm",
    table="stages",
    columns={
        "pipeline_id": "uuid",
        "name": "text",
        "position": "integer",
        "probability": "integer",
        "outcome": "text",
    },
    shown=Stage,
    new=NewStage,
    patch=StagePatch,
    refs={"pipeline_id": "pip"},
    filters={"pipeline_id": Filter()},
    sorts={"position": Sort()},
    default_sort="position",
    expands={"pipeline": "pipelines"},
    constraints={"stages_pipeline_fkey": Fault("/pipeline_id", "unknown", "there is no such pipeline")},
    read_scope="deals:read",
    write_scope="pipelines:write",
)

_OF_PIPELINES = """
SELECT id, version, created_at, updated_at, archived_at, pipeline_id, name, position, probability, outcome
  FROM crm.stages
 WHERE organization_id = $1 AND pipeline_id = ANY($2::uuid[]) AND archived_at IS NULL ORDER BY position, id
"""


class Stages:
    """Of pipelines that are made with theirs."""

    def __init__(self, pipelines: Records, stages: Records) -> None:
        self._stages = stages
        self._show = shower(stages.resource)
        pipelines.follow.append(self._made)

    async def _made(self, session: Session, principal: Principal, changes: Sequence[Change]) -> None:
        rows: list[Values] = [
            {"pipeline_id": change.id, "position": place * _STEP, **msgspec.structs.asdict(stage)}
            for change in changes
            if change.action == "created"
            for place, stage in enumerate(beside(change, "stages") or USUAL, 1)
        ]
        for start in range(0, len(rows), MOST_ITEMS):
            await self._stages.create(session, principal, rows[start : start + MOST_ITEMS])

    async def shown(self, session: Session, rows: Sequence[Any]) -> Sequence[list[dict[str, Any]]]:
        """For `expand=stages`."""
        found: dict[uuid.UUID, list[dict[str, Any]]] = {row["id"]: [] for row in rows}
        for stage in await session.fetch(_OF_PIPELINES, session.tenant, list(found)):
            found[stage["pipeline_id"]].append(self._show(stage, self._stages.resource.fields))
        return [found[row["id"]] for row in rows]
