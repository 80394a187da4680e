"""People, merges, and those who work in an organization."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tenfold_hub.client.lists import Pages
from tenfold_hub.client.schema import (
    Acceptance,
    ApiKey,
    Ended,
    Invite,
    InviteMade,
    KeyMade,
    LoggedIn,
    Login,
    Membership,
    MembershipPatch,
    Merge,
    Merged,
    MergeRequest,
    NewApiKey,
    NewInvite,
    NewPerson,
    Person,
    PersonPatch,
    Suggested,
    SuggestedGroup,
    TimelineEvent,
    UserSession,
)
from tenfold_hub.client.things import Archives, KnownThings, Reads, Restores, Updates


class People(KnownThings[Person, NewPerson, PersonPatch]):
    async def upsert(self, source: str, external_id: str, patch: PersonPatch) -> Person:
        """Creates the person that another system knows by this number, or changes them."""
        if "/" in external_id:
            # In a path it would begin another part, however it is written.
            (result,) = await self.upsert_many([(external_id, patch)], by=f"external:{source}")
            return result.get()
        call = self._call("PUT", "/external/{source}/{external_id}", source, external_id, json=patch)
        return await self._sender.send(call, Person)

    async def merge(self, id: str, ids: Sequence[str], *, fields: Mapping[str, str] | None = None) -> Merged:
        """Makes them one person, who keeps `id`. `fields` says whose value stays: `newest`, or an id."""
        asked = MergeRequest(ids=[*ids], fields=dict(fields or {}))
        return await self._post(Merged, "/{id}/merge", id, json=asked)

    async def duplicates_of(self, id: str) -> Sequence[Suggested]:
        """Who may be this person, too."""
        return await self._items(Suggested, "/{id}/duplicates", id)

    def duplicates(
        self, *, by: Sequence[str] = (), limit: int = 50, cursor: str | None = None
    ) -> Pages[SuggestedGroup]:
        """People who may be one: `by` email, phone, name."""
        named = ",".join(by) or None
        return self._pages(SuggestedGroup, "/duplicates", limit=limit, cursor=cursor, by=named)

    def timeline(self, id: str, *, limit: int = 100, cursor: str | None = None) -> Pages[TimelineEvent]:
        return self._pages(TimelineEvent, "/{id}/timeline", id, limit=limit, cursor=cursor)


class Merges(Reads[Merge]):
    async def undo(self, id: str) -> Merge:
        """Everybody is themselves again. Raises ProblemError `conflict` where that is no longer possible."""
        return await self._post(Merge, "/{id}/undo", id)


class Memberships(Updates[Membership, MembershipPatch], Restores[Membership]):
    pass


class Invites(Archives[Invite]):
    async def create(self, new: NewInvite) -> InviteMade:
        """Its token is shown this once. It is never sent twice: one more would be another invitation."""
        return await self._post(InviteMade, json=new, keyed=False)

    async def accept(self, acceptance: Acceptance) -> LoggedIn:
        return await self._post(LoggedIn, "/accept", json=acceptance, keyed=False)


class Sessions(Archives[UserSession]):
    async def log_in(self, login: Login) -> LoggedIn:
        """A token that another `Hub` takes for its key."""
        return await self._post(LoggedIn, json=login, keyed=False)

    async def log_out(self) -> Ended:
        """Ends the session whose token this hub has for its key."""
        return await self._sender.send(self._call("DELETE", "/current", keyed=False), Ended)


class ApiKeys(Archives[ApiKey]):
    async def create(self, new: NewApiKey) -> KeyMade:
        """The key is shown this once, and the request never sent twice."""
        return await self._post(KeyMade, json=new, keyed=False)
