"""The same routes as one would write them: FastAPI, pydantic, SQLAlchemy with asyncpg, row-level security."""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Header, HTTPException
from psycopg.conninfo import conninfo_to_dict
from pydantic import BaseModel, ConfigDict, EmailStr, Field, field_serializer
from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from tenfold_hub.kit import ids

POOL = 16


class Base(DeclarativeBase):
    type_annotation_map = {dict[str, Any]: JSONB}  # noqa: RUF012 - as SQLAlchemy has it


class Person(Base):
    __tablename__ = "people"
    __table_args__ = {"schema": "identity"}  # noqa: RUF012
    organization_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=ids.new_id)
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    archived_at: Mapped[datetime | None]
    given_name: Mapped[str | None]
    family_name: Mapped[str | None]
    email: Mapped[str | None]
    email_normal: Mapped[str | None]
    phone: Mapped[str | None]
    phone_normal: Mapped[str | None]
    lifecycle_stage: Mapped[str]
    owning_service: Mapped[str] = mapped_column(default="hub")
    custom: Mapped[dict[str, Any]] = mapped_column(default=dict)


class AuditEntry(Base):
    __tablename__ = "audit_entries"
    __table_args__ = {"schema": "hub"}  # noqa: RUF012
    organization_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(primary_key=True)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=ids.new_id)
    actor_kind: Mapped[str]
    actor_id: Mapped[uuid.UUID]
    action: Mapped[str]
    resource: Mapped[str]
    object_id: Mapped[uuid.UUID]
    after: Mapped[dict[str, Any] | None] = mapped_column(JSONB)


class Event(Base):
    __tablename__ = "events"
    __table_args__ = {"schema": "outbox"}  # noqa: RUF012
    event: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=ids.new_id)
    organization_id: Mapped[uuid.UUID]
    topic: Mapped[str]
    key: Mapped[str]
    payload: Mapped[dict[str, Any]]


# Moments are timestamptz everywhere.
for _table in Base.metadata.tables.values():
    for _column in _table.columns:
        if _column.name == "at" or _column.name.endswith("_at"):
            _column.type = type(_column.type)(timezone=True)


class NewPerson(BaseModel):
    model_config = ConfigDict(extra="forbid")
    given_name: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    family_name: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    email: EmailStr | None = None
    lifecycle_stage: str = "subscriber"


class PersonOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    id: uuid.UUID
    version: int
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None
    given_name: str | None
    family_name: str | None
    email: str | None
    phone: str | None
    lifecycle_stage: str
    owning_service: str
    custom: dict[str, Any]

    @field_serializer("id")
    def _id(self, id: uuid.UUID) -> str:
        return ids.shown("per", id)


class Page(BaseModel):
    items: list[PersonOut]
    next_cursor: str | None = None
    previous_cursor: str | None = None


class BatchItem(BaseModel):
    item: NewPerson


class Batch(BaseModel):
    items: Annotated[list[BatchItem], Field(min_length=1, max_length=1000)]


class Made(BaseModel):
    status: int
    item: PersonOut


class BatchOut(BaseModel):
    items: list[Made]


def _parameters() -> dict[str, Any]:
    known = conninfo_to_dict(os.environ["TENFOLD_HUB_DATABASE"])
    names = {"host": "host", "port": "port", "user": "user", "dbname": "database", "password": "password"}
    return {names[name]: value for name, value in known.items() if name in names}


engine = create_async_engine(
    "postgresql+asyncpg://", connect_args=_parameters(), pool_size=POOL, max_overflow=0
)
sessions = async_sessionmaker(engine, expire_on_commit=False)
application = FastAPI()
_known: dict[str, tuple[uuid.UUID, uuid.UUID]] = {}
_SCOPE = text("SELECT set_config('app.organization_id', :organization, true)")
_KEY = text("SELECT id FROM identity.api_keys WHERE organization_id = :organization AND secret_hash = :hash")


async def caller(authorization: Annotated[str, Header()]) -> tuple[uuid.UUID, uuid.UUID]:
    """The organization and the key."""
    token = authorization.removeprefix("Bearer ")
    if token not in _known:
        organization = ids.read("hub", token[:30])
        async with sessions() as session, session.begin():
            await session.execute(_SCOPE, {"organization": str(organization)})
            digest = hashlib.sha256(token.encode()).digest()
            key = await session.scalar(_KEY, {"organization": organization, "hash": digest})
        if key is None:
            raise HTTPException(401)
        _known[token] = organization, key
    return _known[token]


Caller = Annotated[tuple[uuid.UUID, uuid.UUID], Depends(caller)]


async def transaction(asked: Caller) -> AsyncGenerator[AsyncSession]:
    async with sessions() as session, session.begin():
        await session.execute(_SCOPE, {"organization": str(asked[0])})
        yield session


Session = Annotated[AsyncSession, Depends(transaction, scope="function")]


@application.get("/health")
async def health() -> dict[str, str]:
    return {}


@application.get("/v1/people/{id}")
async def get_person(id: str, asked: Caller, session: Session) -> PersonOut:
    wanted = select(Person).where(Person.organization_id == asked[0], Person.id == ids.read("per", id))
    found = await session.scalar(wanted)
    if found is None:
        raise HTTPException(404)
    return PersonOut.model_validate(found)


@application.get("/v1/people")
async def list_people(asked: Caller, session: Session, limit: int = 50) -> Page:
    wanted = (
        select(Person)
        .where(Person.organization_id == asked[0], Person.archived_at.is_(None))
        .order_by(Person.created_at.desc(), Person.id.desc())
        .limit(limit + 1)
    )
    found = (await session.scalars(wanted)).all()
    return Page(items=[PersonOut.model_validate(each) for each in found[:limit]])


@application.post("/v1/people", status_code=201)
async def create_person(given: NewPerson, asked: Caller, session: Session) -> PersonOut:
    (made,) = await _create(session, asked, [given])
    return made


@application.post("/v1/people/batch/create")
async def create_people(given: Batch, asked: Caller, session: Session) -> BatchOut:
    made = await _create(session, asked, [each.item for each in given.items])
    return BatchOut(items=[Made(status=200, item=each) for each in made])


async def _create(
    session: AsyncSession, asked: tuple[uuid.UUID, uuid.UUID], given: list[NewPerson]
) -> list[PersonOut]:
    organization, key = asked
    now = datetime.now(UTC)
    people = [
        Person(
            organization_id=organization,
            created_at=now,
            updated_at=now,
            email_normal=None if each.email is None else each.email.lower(),
            **each.model_dump(),
        )
        for each in given
    ]
    session.add_all(people)
    await session.flush()
    made = [PersonOut.model_validate(each) for each in people]
    for person, shown in zip(people, made, strict=True):
        session.add(
            AuditEntry(
                organization_id=organization,
                at=now,
                actor_kind="api_key",
                actor_id=key,
                action="created",
                resource="people",
                object_id=person.id,
                after=shown.model_dump(mode="json"),
            )
        )
        id = ids.shown("per", person.id)
        payload = {"topic": "identity.people.created", "data": {"id": id, "version": 1}}
        session.add(Event(organization_id=organization, topic="changes", key=id, payload=payload))
    await session.flush()
    return made
