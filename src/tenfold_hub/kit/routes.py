# Handlers are made here for each resource, and the framework reads their annotations: so these are no text.
"""The routes that every resource has: list, search, get, create, update, archive, restore, and batches."""

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Annotated, Any, TypeAlias

import msgspec
from litestar import Response, delete, get, patch, post
from litestar.handlers import BaseRouteHandler
from litestar.openapi import ResponseSpec
from litestar.params import FromPath, FromQuery, JSONBody

from tenfold.runtime import Session
from tenfold.runtime.paging import Cursors
from tenfold_hub.kit import ids
from tenfold_hub.kit.exchange import Answer, Asked, answered, reading, written
from tenfold_hub.kit.listing import MOST_CONDITIONS, Condition, Listing, by_id, filterable, listing
from tenfold_hub.kit.principal import Principal
from tenfold_hub.kit.problems import Problem, ProblemDocument, as_mapping, invalid, not_found
from tenfold_hub.kit.ratelimit import charge_items
from tenfold_hub.kit.records import COUNT_UP_TO, MOST_ITEMS, Outcome, Patch, Records
from tenfold_hub.kit.resource import Resource, SqlType
from tenfold_hub.kit.rows import Values
from tenfold_hub.kit.showing import etag, shower, version_of

Shown: TypeAlias = dict[str, Any]
#: Shows a part of each row, such as the lines of orders: one statement for all of them.
Part: TypeAlias = Callable[[Session, Sequence[Any]], Awaitable[Sequence[Any]]]

_ERRORS = {
    status: ResponseSpec(ProblemDocument, media_type="application/problem+json", generate_examples=False)
    for status in (400, 401, 403, 404, 409, 412, 422, 429, 503)
}


_PARAMETER = re.compile(r"\{(\w+):\w+\}")


class Search(msgspec.Struct, forbid_unknown_fields=True):
    """Conditions that all hold, each `[field, operator, value]`."""

    filters: list[tuple[str, str, Any]] = []
    sort: str = ""
    fields: list[str] = []
    expand: list[str] = []
    limit: int = 50
    cursor: str | None = None


class ResourceRoutes:
    """Of one resource. `expand` shows things of others: by the name of a field, what finds them by id.

    Where a path has parameters of its own, `within` says which of the things it is about.
    """

    def __init__(self, records: Records, cursors: Cursors, expand: "Expander", path: str = "") -> None:
        self.records, self.resource = records, records.resource
        self._path = path or f"/{records.resource.name}"
        self._cursors, self._expand = cursors, expand
        self._types = tuple(self.resource.types.items())
        self._show = shower(self.resource)

    def handlers(self) -> list[BaseRouteHandler]:
        """For a router under `/v1`."""
        return [*self._reads(), *self._writes(), *self._batches()]

    async def within(self, session: Session, request: Asked) -> Records:
        """The things that the path is about. Raises Problem `not_found` where there are no such things."""
        return self.records

    # --- reading -------------------------------------------------------------------------------------

    def _reads(self) -> list[BaseRouteHandler]:
        resource, show = self.resource, self._show
        items = ("items", list[resource.shown])  # type: ignore[name-defined] # a type that is made here
        cursors = [("next_cursor", str | None), ("previous_cursor", str | None)]
        page_of = _struct(f"PageOf{resource.shown.__name__}", [items, *cursors])

        async def list_(request: Asked) -> Answer:
            asked = listing(resource, _parameters(request))
            return await self.listed(request, asked)

        async def search(request: Asked, data: JSONBody[Search]) -> Answer:
            return await self.listed(request, searched(resource, data))

        async def get_(request: Asked, id: FromPath[str]) -> Answer:
            fields, keys, expand = by_id(dict(_parameters(request)), resource)
            async with reading(request, resource.to_read) as (session, _):
                records = await self.within(session, request)
                row = await records.get(session, self._id(id))
                shown = show(row, fields)
                await records.reveal(session, [shown], keys)
                await self._expand(session, resource, [row], [shown], expand)
            tag = etag(row["version"])
            if request.headers.get("if-none-match") == tag:
                return Response(b"", status_code=304, headers={"ETag": tag})
            return answered(shown, {"ETag": tag})

        path, one = self._path, _words(resource.singular)
        return [
            route(get, path, list_, f"List {_words(resource.name)}", page_of),
            route(post, f"{path}/search", search, f"Search {_words(resource.name)}", page_of),
            route(get, f"{path}/{{id:str}}", get_, f"Get a {one}", resource.shown),
        ]

    async def listed(self, request: Asked, asked: Listing) -> Answer:
        """A page of the list, for who may read such things."""
        async with reading(request, self.resource.to_read) as (session, _):
            records = await self.within(session, request)
            page = await records.page(session, asked, self._cursors)
            items = [self._show(row, asked.fields) for row in page.items]
            await self._expand(session, self.resource, page.items, items, asked.expand)
            answer: Shown = {"items": items, "next_cursor": page.next, "previous_cursor": page.previous}
            if asked.counted:
                count = await records.count(session, asked)
                answer["count"] = {"value": min(count, COUNT_UP_TO + 1), "capped": count > COUNT_UP_TO}
        return answered(answer)

    # --- writing -------------------------------------------------------------------------------------

    def _writes(self) -> list[BaseRouteHandler]:
        resource, path = self.resource, self._path

        async def create(request: Asked, data: Any) -> Answer:
            async def do(session: Session, principal: Principal) -> tuple[int, Any, dict[str, str]]:
                records = await self.within(session, request)
                outcomes = await records.create(session, principal, [self._values(data)])
                shown, headers = await self._answer(session, records, outcomes)
                return 201, shown, {"Location": f"{request.url.path}/{shown['id']}"} | headers

            return await written(request, resource.to_write, _name(request), do)

        async def update(request: Asked, id: FromPath[str], data: Any) -> Answer:
            async def do(session: Session, principal: Principal) -> tuple[int, Any, dict[str, str]]:
                records = await self.within(session, request)
                wanted = Patch(self._id(id), self._values(data), _version(request))
                outcomes = await records.update(session, principal, [wanted])
                return 200, *await self._answer(session, records, outcomes)

            return await written(request, resource.to_write, _name(request), do)

        async def archive(request: Asked, id: FromPath[str]) -> Answer:
            async def do(session: Session, principal: Principal) -> tuple[int, Any, dict[str, str]]:
                records = await self.within(session, request)
                wanted = Patch(self._id(id), {}, _version(request))
                outcomes = await records.archive(session, principal, [wanted])
                return 200, *await self._answer(session, records, outcomes)

            return await written(request, resource.to_write, _name(request), do)

        async def restore(request: Asked, id: FromPath[str]) -> Answer:
            async def do(session: Session, principal: Principal) -> tuple[int, Any, dict[str, str]]:
                records = await self.within(session, request)
                wanted = Patch(self._id(id), {}, _version(request))
                outcomes = await records.restore(session, principal, [wanted])
                return 200, *await self._answer(session, records, outcomes)

            return await written(request, resource.to_write, _name(request), do)

        create.__annotations__["data"] = _body(resource.new)
        update.__annotations__["data"] = _body(resource.patch)
        one, shown = _words(resource.singular), resource.shown
        made = {
            "create": route(post, path, create, f"Create a {one}", shown, 201),
            "update": route(patch, f"{path}/{{id:str}}", update, f"Change a {one}", shown),
            "archive": route(delete, f"{path}/{{id:str}}", archive, f"Archive a {one}", shown),
            "restore": route(post, f"{path}/{{id:str}}/restore", restore, f"Restore a {one}", shown),
        }
        return [each for verb, each in made.items() if verb in resource.writes]

    # --- batches -------------------------------------------------------------------------------------

    def _batches(self) -> list[BaseRouteHandler]:
        resource = self.resource
        path = f"{self._path}/batch"
        ref = ("ref", str | None, None)
        named = [("id", str), ("version", int | None, None), ref]

        def batch(verb: str, fields: list[Any]) -> BaseRouteHandler:
            item = _struct(f"{verb.capitalize()}{resource.shown.__name__}", fields)
            limits = msgspec.Meta(min_length=1, max_length=MOST_ITEMS)
            items = Annotated[list[item], limits]  # type: ignore[valid-type] # a type that is made here

            async def handle(request: Asked, data: Any, atomic: FromQuery[bool] = False) -> Answer:
                await charge_items(request.scope, len(data.items))

                async def do(session: Session, principal: Principal) -> tuple[int, Any, dict[str, str]]:
                    records = await self.within(session, request)
                    outcomes = await self._batch(records, session, principal, verb, data.items, atomic)
                    shown = await self._shown(session, records, outcomes)
                    answer = [self._item(*each) for each in zip(outcomes, shown, data.items, strict=True)]
                    status = 200 if all(each.problem is None for each in outcomes) else 207
                    return status, {"items": answer}, {}

                return await written(request, resource.to_write, f"{_name(request)}?atomic={atomic}", do)

            handle.__annotations__["data"] = _body(_struct(f"{item.__name__}Batch", [("items", items)]))
            words = f"{verb.capitalize()} many {_words(resource.name)}"
            return route(post, f"{path}/{verb}", handle, words, dict[str, Any])

        fields: dict[str, list[Any]] = {
            "create": [("item", resource.new), ref],
            "update": [("item", resource.patch), *named],
            "archive": named,
            "restore": named,
        }
        return [batch(verb, each) for verb, each in fields.items() if verb in resource.writes]

    async def _batch(
        self,
        records: Records,
        session: Session,
        principal: Principal,
        verb: str,
        items: Sequence[Any],
        atomic: bool,
    ) -> list[Outcome]:
        values: list[Values] = [{} for _ in items]
        if verb in ("create", "update"):
            values = [self._values(each.item, f"/items/{n}/item") for n, each in enumerate(items)]
        if verb == "create":
            return await records.create(session, principal, values, atomic=atomic)
        write = {"update": records.update, "archive": records.archive, "restore": records.restore}[verb]
        patches = [
            Patch(self._id(each.id), value, each.version) for each, value in zip(items, values, strict=True)
        ]
        return await write(session, principal, patches, atomic=atomic)

    def _item(self, outcome: Outcome, shown: Shown, item: Any) -> Shown:
        found: Shown = {} if item.ref is None else {"ref": item.ref}
        if outcome.problem is not None:
            return found | {"status": outcome.problem.status, "problem": as_mapping(outcome.problem)}
        return found | {"status": 200, "item": shown}

    # --- values --------------------------------------------------------------------------------------

    def _id(self, text: str) -> Any:
        try:
            return ids.read(self.resource.prefix, text)
        except ids.IdError:
            raise not_found(self.resource.singular) from None

    def _values(self, given: Any, pointer: str = "") -> Values:
        """What the client named, as columns. Raises Problem for what refers to nothing that can be."""
        values: Values = {}
        for name in given.__struct_fields__:
            value = getattr(given, name)
            if value is msgspec.UNSET:
                continue
            if name in self.resource.refs and value is not None:
                try:
                    value = ids.read(self.resource.refs[name], value)
                except ids.IdError as error:
                    raise invalid(f"{pointer}/{name}", "invalid_id", str(error)) from None
            values[name] = value
        return values

    async def _shown(self, session: Session, records: Records, outcomes: Sequence[Outcome]) -> list[Shown]:
        """Empty for what was refused."""
        shown: list[Shown] = []
        for outcome in outcomes:
            values = outcome.values
            whole = values and {name: _as_read(values.get(name), type_) for name, type_ in self._types}
            shown.append(self._show(whole, self.resource.fields) if whole else {})
        await records.reveal(session, shown)
        return shown

    async def _answer(
        self, session: Session, records: Records, outcomes: Sequence[Outcome]
    ) -> tuple[Shown, dict[str, str]]:
        """The only one, and its headers."""
        (shown,) = await self._shown(session, records, outcomes)
        return shown, {"ETag": etag(shown["version"])}


class Expander:
    """Shows what fields refer to, one statement for each kind of thing, however many rows."""

    def __init__(self) -> None:
        self._kinds: dict[str, Records] = {}
        self._parts: dict[tuple[str, str], Part] = {}

    def knows(self, records: Records) -> None:
        self._kinds[records.resource.name] = records

    def adds(self, resource: str, name: str, part: Part) -> None:
        """What `expand=name` shows of things of this resource, beyond what their fields refer to."""
        self._parts[resource, name] = part

    async def __call__(
        self,
        session: Session,
        resource: Resource,
        rows: Sequence[Any],
        shown: Sequence[Shown],
        names: Sequence[str],
    ) -> None:
        for name in names:
            if (part := self._parts.get((resource.name, name))) is not None:
                for item, value in zip(shown, await part(session, rows), strict=True):
                    item[name] = value
                continue
            records = self._kinds[resource.expands[name]]
            field = f"{name}_id"
            wanted = list({row[field] for row in rows if row[field] is not None})
            found = await records.get_many(session, wanted) if wanted else {}
            show = shower(records.resource)
            others = {id: show(other, records.resource.fields) for id, other in found.items()}
            await records.reveal(session, list(others.values()))
            for row, item in zip(rows, shown, strict=True):
                item[name] = others.get(row[field])


def searched(resource: Resource, asked: Search) -> Listing:
    plain = [("limit", str(asked.limit)), ("sort", asked.sort)]
    lists = {"fields": asked.fields, "expand": asked.expand}
    plain += [(name, ",".join(names)) for name, names in lists.items() if names]
    if asked.cursor is not None:
        plain.append(("cursor", asked.cursor))
    found = listing(resource, plain)
    if len(asked.filters) > MOST_CONDITIONS:
        raise Problem("invalid_request", f"at most {MOST_CONDITIONS} conditions")
    conditions = []
    for name, operator, value in asked.filters:
        filterable(resource, name, operator)
        conditions.append(Condition(name, operator, value))  # type: ignore[arg-type] # one of the declared
    return replace(found, conditions=tuple(conditions))


def _parameters(request: Asked) -> list[tuple[str, str]]:
    if not request.scope["query_string"]:
        return []
    return [(name, str(value)) for name, value in request.query_params.multi_items()]


def _version(request: Asked) -> int | None:
    return version_of(request.headers.get("if-match"))


def _as_read(value: Any, type_: SqlType) -> Any:
    """A text that is JSON, as the driver gives it; all else shows its type."""
    return msgspec.json.encode(value).decode() if type_ == "jsonb" and isinstance(value, str) else value


def _name(request: Asked) -> str:
    """Of what an Idempotency-Key is for."""
    return f"{request.method} {request.url.path}"


def _words(name: str) -> str:
    return name.replace("-", " ").replace("_", " ")


def _body(kind: Any) -> Any:
    bodies: Any = JSONBody
    return bodies[kind]


def _struct(name: str, fields: list[Any]) -> Any:
    return msgspec.defstruct(name, fields, forbid_unknown_fields=True, kw_only=True)


def route(
    method: Any, path: str, handle: Any, summary: str, answer: Any, status: int = 200
) -> BaseRouteHandler:
    parts = _PARAMETER.sub(r"\1", path.replace("{id:str}", "one")).replace("-", "_").strip("/").split("/")
    handle.__name__ = "_".join([method.__name__, *parts])
    made: BaseRouteHandler = method(
        path,
        summary=summary,
        operation_id=handle.__name__,
        tags=[parts[0]],
        status_code=status,
        responses={status: ResponseSpec(answer, generate_examples=False), **_ERRORS},
    )(handle)
    return made
