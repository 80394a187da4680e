# Handlers are made here for each resource, and the framework reads their annotations: so these are no text.
"""The routes that every resource has: list, search, get, create, update, archive, restore, and batches."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from litestar import Response, delete, get, patch, post
from litestar.handlers import BaseRouteHandler
from litestar.openapi import ResponseSpec
from litestar.openapi.spec import Parameter
from litestar.params import FromPath, FromQuery, JSONBody

from tenfold.runtime import Session
from tenfold.runtime.paging import Cursors
from tenfold_hub.kit import documented, ids
from tenfold_hub.kit.documented import struct
from tenfold_hub.kit.exchange import GUESTS, Answer, Asked, answered, reading, written
from tenfold_hub.kit.expanding import Expander, Shown
from tenfold_hub.kit.listing import Search, by_id, listing, searched
from tenfold_hub.kit.principal import Principal
from tenfold_hub.kit.problems import Problem, ProblemDocument, as_mapping, not_found
from tenfold_hub.kit.ratelimit import charge_items
from tenfold_hub.kit.records import COUNT_UP_TO, MOST_ITEMS, Outcome, Patch, Records, raise_first
from tenfold_hub.kit.resource import SqlType
from tenfold_hub.kit.rows import Values
from tenfold_hub.kit.selecting import Listing
from tenfold_hub.kit.showing import etag, shower, version_of
from tenfold_hub.kit.upserting import columns_of, either_of, upsert


def problems(*statuses: int) -> dict[int, ResponseSpec]:
    """What the description says of errors."""
    spec = ResponseSpec(ProblemDocument, media_type="application/problem+json", generate_examples=False)
    return dict.fromkeys(statuses, spec)


ERRORS = problems(400, 401, 403, 404, 409, 412, 413, 422, 429, 503)


_Known = Annotated[
    str,
    msgspec.Meta(
        min_length=1,
        max_length=2_000,
        description="As what the thing is known.",
        examples=["engines.example"],
    ),
]
_PARAMETER = re.compile(r"\{(\w+):\w+\}")


class ResourceRoutes:
    """Of one resource. `expand` shows things of others: by the name of a field, what finds them by id.

    Where a path has parameters of its own, `within` says which of the things it is about.
    """

    def __init__(self, records: Records, cursors: Cursors, expand: Expander, path: str = "") -> None:
        self.records, self.resource = records, records.resource
        self._path = path or f"/{records.resource.name}"
        self._cursors, self._expand = cursors, expand
        self._empty: Values = dict.fromkeys(self.resource.types)
        self._turned = tuple((n, _AS_READ[t]) for n, t in self.resource.types.items() if t in _AS_READ)
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
        view = documented.view_of(resource, self._expand.shows)
        page_of = documented.page_of(resource, view)

        async def list_(request: Asked) -> Answer:
            asked = listing(resource, _parameters(request), self._expand.paths(resource))
            return await self.listed(request, asked)

        async def search(request: Asked, data: JSONBody[Search]) -> Answer:
            return await self.listed(request, searched(resource, data, self._expand.paths(resource)))

        async def get_(request: Asked, id: FromPath[str]) -> Answer:
            fields, keys, expand = by_id(dict(_parameters(request)), resource, self._expand.paths(resource))
            async with reading(request, resource.to_read) as (session, principal):
                self._expand.require(principal, resource, expand)
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
            route(
                get,
                path,
                list_,
                f"List {_words(resource.name)}",
                page_of,
                parameters=documented.of_list(resource, self._expand.paths(resource)),
            ),
            route(post, f"{path}/search", search, f"Search {_words(resource.name)}", page_of, keyed=False),
            route(
                get,
                f"{path}/{{id:str}}",
                get_,
                f"Get a {one}",
                view,
                parameters=documented.of_get(resource, self._expand.paths(resource)),
            ),
        ]

    async def listed(self, request: Asked, asked: Listing) -> Answer:
        """A page of the list, for who may read such things."""
        async with reading(request, self.resource.to_read) as (session, principal):
            self._expand.require(principal, self.resource, asked.expand)
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
        one, shown, match = _words(resource.singular), resource.shown, [documented.MATCH]
        made = {
            "create": route(post, path, create, f"Create a {one}", shown, 201),
            "update": route(patch, f"{path}/{{id:str}}", update, f"Change a {one}", shown, parameters=match),
            "archive": route(
                delete, f"{path}/{{id:str}}", archive, f"Archive a {one}", shown, parameters=match
            ),
            "restore": route(
                post, f"{path}/{{id:str}}/restore", restore, f"Restore a {one}", shown, parameters=match
            ),
        }
        return [each for verb, each in made.items() if verb in resource.writes]

    # --- batches -------------------------------------------------------------------------------------

    def _batches(self) -> list[BaseRouteHandler]:
        resource = self.resource
        path = f"{self._path}/batch"
        ref = ("ref", str | None, None)
        named = [("id", str), ("version", int | None, None), ref]
        results = documented.results_of(resource.shown)

        def batch(verb: str, fields: list[Any], about: Sequence[Any] = ()) -> BaseRouteHandler:
            item = struct(f"{verb.capitalize()}{resource.shown.__name__}", fields)
            limits = msgspec.Meta(min_length=1, max_length=MOST_ITEMS)
            items = Annotated[list[item], limits]  # type: ignore[valid-type] # a type that is made here

            async def handle(request: Asked, data: Any, atomic: FromQuery[bool] = False) -> Answer:
                await charge_items(request.scope, len(data.items))

                async def do(session: Session, principal: Principal) -> tuple[int, Any, dict[str, str]]:
                    records = await self.within(session, request)
                    outcomes = await self._batch(records, session, principal, verb, data, atomic)
                    shown = await self._shown(session, records, outcomes)
                    answer = [self._item(*each) for each in zip(outcomes, shown, data.items, strict=True)]
                    status = 200 if all(each.problem is None for each in outcomes) else 207
                    return status, {"items": answer}, {}

                return await written(request, resource.to_write, f"{_name(request)}?atomic={atomic}", do)

            handle.__annotations__["data"] = _body(
                struct(f"{item.__name__}Batch", [*about, ("items", items)])
            )
            words = f"{verb.capitalize()} many {_words(resource.name)}"
            return route(post, f"{path}/{verb}", handle, words, results, also=(207,))

        fields: dict[str, list[Any]] = {
            "create": [("item", resource.new), ref],
            "update": [("item", resource.patch), *named],
            "archive": named,
            "restore": named,
        }
        made = [batch(verb, each) for verb, each in fields.items() if verb in resource.writes]
        if {"create", "update"} <= resource.writes and self.records.known_by:
            made.append(batch("upsert", [("key", _Known), ("item", either_of(resource)), ref], [self._by()]))
        return made

    def _by(self) -> Any:
        """What things are known by, in the body of an upsert."""
        known = self.records.known_by
        usual = self.resource.keys[:1]
        says = msgspec.Meta(description=f"What the keys are: {', '.join(known)}.", max_length=200)
        return ("by", Annotated[str, says], *usual)

    async def _batch(
        self,
        records: Records,
        session: Session,
        principal: Principal,
        verb: str,
        data: Any,
        atomic: bool,
    ) -> list[Outcome]:
        items = data.items
        if verb == "upsert":
            given = [(each.key, each.item) for each in items]
            return await upsert(records, session, principal, data.by, given, atomic=atomic)
        writes: dict[str, Any] = {
            "create": records.create,
            "update": records.update,
            "archive": records.archive,
            "restore": records.restore,
        }
        refused: dict[int, Outcome] = {}
        asked: list[Any] = []
        for place, each in enumerate(items):
            try:
                values = self._values(each.item) if verb in ("create", "update") else {}
                asked.append(values if verb == "create" else Patch(self._id(each.id), values, each.version))
            except Problem as problem:
                refused[place] = Outcome(problem=problem)
        raise_first([refused.get(place, Outcome()) for place in range(len(items))], atomic)
        done = iter(await writes[verb](session, principal, asked, atomic=atomic) if asked else ())
        return [refused.get(place) or next(done) for place in range(len(items))]

    def _item(self, outcome: Outcome, shown: Shown, item: Any) -> Shown:
        found: Shown = {} if item.ref is None else {"ref": item.ref}
        if outcome.problem is not None:
            return found | {"status": outcome.problem.status, "problem": as_mapping(outcome.problem)}
        return found | {"status": 201 if outcome.created else 200, "item": shown}

    # --- values --------------------------------------------------------------------------------------

    def _id(self, text: str) -> Any:
        try:
            return ids.read(self.resource.prefix, text)
        except ids.IdError:
            raise not_found(self.resource.singular) from None

    def _values(self, given: Any) -> Values:
        """What the client named, as columns. Raises Problem for what refers to nothing that can be."""
        return columns_of(self.resource, given)

    async def _shown(self, session: Session, records: Records, outcomes: Sequence[Outcome]) -> list[Shown]:
        """Empty for what was refused."""
        shown: list[Shown] = []
        for outcome in outcomes:
            shown.append(
                self._show(self._as_read(outcome.values), self.resource.fields) if outcome.values else {}
            )
        await records.reveal(session, shown)
        return shown

    def _as_read(self, values: Values) -> Values:
        """What was written, as a row that is read would have it."""
        row = self._empty | values
        for name, turn in self._turned:
            if row[name] is not None:
                row[name] = turn(row[name])
        return row

    async def _answer(
        self, session: Session, records: Records, outcomes: Sequence[Outcome]
    ) -> tuple[Shown, dict[str, str]]:
        """The only one, and its headers."""
        (shown,) = await self._shown(session, records, outcomes)
        return shown, {"ETag": etag(shown["version"])}


def _parameters(request: Asked) -> list[tuple[str, str]]:
    if not request.scope["query_string"]:
        return []
    return [(name, str(value)) for name, value in request.query_params.multi_items()]


def _version(request: Asked) -> int | None:
    return version_of(request.headers.get("if-match"))


def _json_text(value: Any) -> Any:
    """A text that is JSON, as the driver gives it; all else shows its type."""
    return msgspec.json.encode(value).decode() if isinstance(value, str) else value


def _in_utc(value: datetime) -> datetime:
    return value if value.tzinfo is UTC else value.astimezone(UTC)


#: What the driver gives of these types, and a client may write otherwise.
_AS_READ: dict[SqlType, Callable[[Any], Any]] = {"jsonb": _json_text, "timestamptz": _in_utc}


def _name(request: Asked) -> str:
    """Of what an Idempotency-Key is for."""
    return f"{request.method} {request.url.path}"


def _words(name: str) -> str:
    return name.replace("-", " ").replace("_", " ")


def _body(kind: Any) -> Any:
    bodies: Any = JSONBody
    return bodies[kind]


def route(
    method: Any,
    path: str,
    handle: Any,
    summary: str,
    answer: Any,
    status: int = 200,
    *,
    also: Sequence[int] = (),
    parameters: Sequence[Parameter] = (),
    keyed: bool = True,
    refusals: Sequence[int] = (),
    guests: bool = False,
) -> BaseRouteHandler:
    """`also` are other statuses of the same answer, `refusals` those of errors that few routes have.

    `parameters` are those that the handler reads itself. A write without Idempotency-Key is not `keyed`.
    `guests` need not say who they are.
    """
    said = {each: ResponseSpec(answer, generate_examples=False) for each in (status, *also)}
    if documented.UNCHANGED in parameters:
        said[304] = ResponseSpec(None, description="It is as it was.")
    read = [*parameters, documented.KEY] if keyed and method is not get else [*parameters]
    parts = _PARAMETER.sub(r"\1", path.replace("{id:str}", "one")).replace("-", "_").strip("/").split("/")
    handle.__name__ = "_".join([method.__name__, *parts])
    made: BaseRouteHandler = method(
        path,
        summary=summary,
        operation_id=handle.__name__,
        tags=[parts[0]],
        status_code=status,
        responses={**said, **ERRORS, **problems(*refusals)},
        operation_class=documented.described(read),
        **({"security": [{}], "opt": {GUESTS: True}} if guests else {}),
    )(handle)
    return made
