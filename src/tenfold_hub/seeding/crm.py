"""Rows of the CRM: companies, contacts with their points, tags, a pipeline with its deals."""

from __future__ import annotations

from collections.abc import Iterator

from tenfold_hub.seeding import vocabulary as words
from tenfold_hub.seeding.batch import DAY, NULL, Batch, Person, Rows, moment

_STATUSES, _SHARES = ("prospect", "active", "churned", "partner", "other"), (45, 35, 10, 6, 4)
_CONTACT_STATUSES, _CONTACT_SHARES = ("active", "inactive", "bounced", "unsubscribed"), (80, 12, 3, 5)
_PRIORITIES, _PRIORITY_SHARES = ("low", "normal", "high", "urgent"), (20, 60, 15, 5)
#: Name, probability, outcome.
STAGES = (
    ("Qualified", 10, "open"),
    ("Meeting", 25, "open"),
    ("Offer", 50, "open"),
    ("Negotiation", 75, "open"),
    ("Won", 100, "won"),
    ("Lost", 0, "lost"),
)
_WON, _LOST = 4, 5


def companies(batch: Batch) -> Iterator[Rows]:
    rows = Rows(
        ("crm", "companies"),
        (
            *(
                "organization_id",
                "id",
                "created_at",
                "updated_at",
                "name",
                "name_normal",
                "domain",
                "website",
            ),
            *("industry", "size", "employees", "revenue_minor", "revenue_currency", "score", "status"),
            "priority",
        ),
    )
    chance = batch.random
    count = len(batch.companies)
    industries = chance.choices(words.INDUSTRIES, k=count)
    sizes = chance.choices(words.SIZES, (40, 30, 18, 9, 3), k=count)
    statuses = chance.choices(_STATUSES, _SHARES, k=count)
    priorities = chance.choices(_PRIORITIES, _PRIORITY_SHARES, k=count)
    for place, company in enumerate(batch.companies):
        at = moment(company.ms)
        size, fewest, most = sizes[place]
        employees = chance.randint(fewest, most)
        revenue = employees * chance.randint(60, 240) * 100_000
        rows.lines.append(
            f"{batch.organization}\t{company.id}\t{at}\t{at}\t{company.name}\t{company.name.casefold()}"
            f"\t{company.domain}\thttps://{company.domain}\t{industries[place]}\t{size}\t{employees}\t{revenue}"
            f"\tEUR\t{chance.randint(0, 100)}\t{statuses[place]}\t{priorities[place]}\n"
        )
    yield rows


def contacts(batch: Batch) -> Iterator[Rows]:
    rows = Rows(
        ("crm", "contacts"),
        (
            *("organization_id", "id", "created_at", "updated_at", "person_id", "company_id", "status"),
            *("source", "score", "job_title", "department", "language", "time_zone"),
            *("email_opt_in", "email_opt_in_at", "email_opt_in_source", "last_contacted_at"),
        ),
    )
    points = Rows(
        ("crm", "contact_points"),
        (
            *("organization_id", "id", "created_at", "updated_at", "contact_id", "kind", "value"),
            *("value_normal", "is_primary"),
        ),
    )
    chance = batch.random
    jobs = chance.choices(words.JOBS, k=batch.count)
    sources = chance.choices(words.SOURCES, k=batch.count)
    statuses = chance.choices(_CONTACT_STATUSES, _CONTACT_SHARES, k=batch.count)
    for place, person in enumerate(batch.people):
        if person.contact is None:
            continue
        at = moment(person.ms)
        company = person.company.id if person.company else NULL
        job, department = jobs[place] if person.company else (NULL, NULL)
        language, zone = words.PLACES[person.place]
        agreed = f"t\t{at}\t{sources[place]}" if chance.random() < 0.6 else f"f\t{NULL}\t{NULL}"
        met = moment(batch.later(person.ms, 60)) if chance.random() < 0.5 else NULL
        rows.lines.append(
            f"{batch.organization}\t{person.contact}\t{at}\t{at}\t{person.id}\t{company}\t{statuses[place]}"
            f"\t{sources[place]}\t{int(chance.random() * 101)}\t{job}\t{department}\t{language}\t{zone}"
            f"\t{agreed}\t{met}\n"
        )
        head = f"{batch.organization}\t{{}}\t{at}\t{at}\t{person.contact}\t"
        points.lines.append(f"{head.format(batch.id(person.ms))}email\t{person.email}\t{person.email}\tt\n")
        if person.phone is not None:
            points.lines.append(
                f"{head.format(batch.id(person.ms))}phone\t{person.phone}\t{person.phone}\tt\n"
            )
    yield rows
    yield points


def tags(batch: Batch) -> Iterator[Rows]:
    """A dozen, which one contact in five has."""
    if batch.opens:
        begin = batch.begins
        yield Rows(
            ("crm", "tags"),
            ("organization_id", "id", "created_at", "updated_at", "name", "name_normal", "colour"),
            [
                f"{batch.organization}\t{batch.shared('tag', place)}\t{begin}\t{begin}\t{name}\t{name}"
                f"\t{words.COLOURS[place % len(words.COLOURS)]}\n"
                for place, name in enumerate(words.TAGS)
            ],
        )
    ids = [batch.shared("tag", place) for place in range(len(words.TAGS))]
    taggings = Rows(("crm", "taggings"), ("organization_id", "tag_id", "object_id", "kind", "tagged_at"))
    for person in batch.people:
        if person.contact is not None and batch.random.random() < 0.2:
            tag = ids[int(batch.random.random() ** 2 * len(ids))]
            at = moment(batch.later(person.ms, 30))
            taggings.lines.append(f"{batch.organization}\t{tag}\t{person.contact}\tcontacts\t{at}\n")
    yield taggings


def deals(batch: Batch) -> Iterator[Rows]:
    """One pipeline of six stages; one contact in ten with a company has a deal, which went through them."""
    pipeline = batch.shared("pipeline", 0)
    stages = [batch.shared("stage", place) for place in range(len(STAGES))]
    if batch.opens:
        yield from _pipeline(batch, pipeline, stages)
    deals = Rows(
        ("crm", "deals"),
        (
            *(
                "organization_id",
                "id",
                "created_at",
                "updated_at",
                "name",
                "pipeline_id",
                "stage_id",
                "status",
            ),
            *("amount_minor", "currency", "company_id", "expected_close", "stage_entered_at", "closed_at"),
            *("lost_reason", "source"),
        ),
    )
    people = Rows(("crm", "deal_contacts"), ("organization_id", "deal_id", "contact_id", "added_at"))
    moves = Rows(
        ("crm", "deal_moves"),
        ("organization_id", "deal_id", "at", "id", "from_stage_id", "stage_id", "seconds"),
    )
    for person in batch.people:
        if person.contact is not None and person.company is not None and batch.random.random() < 0.1:
            _deal(batch, person, pipeline, stages, deals, people, moves)
    yield deals
    yield people
    yield moves


def _pipeline(batch: Batch, pipeline: str, stages: list[str]) -> Iterator[Rows]:
    begin = batch.begins
    common = ("organization_id", "id", "created_at", "updated_at", "name")
    head = f"{batch.organization}\t{{}}\t{begin}\t{begin}\t{{}}"
    yield Rows(("crm", "pipelines"), common, [f"{head.format(pipeline, 'Sales')}\n"])
    yield Rows(
        ("crm", "stages"),
        (*common, "pipeline_id", "position", "probability", "outcome"),
        [
            f"{head.format(stages[place], name)}\t{pipeline}\t{place}\t{probability}\t{outcome}\n"
            for place, (name, probability, outcome) in enumerate(STAGES)
        ],
    )


def _deal(
    batch: Batch, person: Person, pipeline: str, stages: list[str], deals: Rows, people: Rows, moves: Rows
) -> None:
    assert person.company is not None
    chance = batch.random
    made = entered = batch.later(person.ms, 40)
    id = batch.id(made)
    last = chance.choices(range(len(STAGES)), (12, 12, 12, 9, 30, 25))[0]
    came: str | None = None
    seconds = NULL
    steps = [*range(chance.randint(1, _WON)), last] if last >= _WON else list(range(last + 1))
    for step in steps:
        at = entered if came is None else batch.later(entered, 9) + 1
        seconds = NULL if came is None else str((at - entered) // 1000)
        moves.lines.append(
            f"{batch.organization}\t{id}\t{moment(at)}\t{batch.id(at)}\t{came or NULL}\t{stages[step]}"
            f"\t{seconds}\n"
        )
        came, entered = stages[step], at
    outcome = STAGES[last][2]
    closed = moment(entered) if last >= _WON else NULL
    reason = chance.choice(("price", "no budget", "another supplier", "no answer")) if last == _LOST else NULL
    what = chance.choice(words.DEALS)
    deals.lines.append(
        f"{batch.organization}\t{id}\t{moment(made)}\t{moment(entered)}\t{person.company.name}, {what}"
        f"\t{pipeline}\t{stages[last]}\t{outcome}\t{chance.randint(5, 800) * 10_000}\tEUR"
        f"\t{person.company.id}\t{moment(made + chance.randint(20, 120) * DAY)[:10]}\t{moment(entered)}"
        f"\t{closed}\t{reason}"
        f"\t{chance.choice(words.SOURCES)}\n"
    )
    people.lines.append(f"{batch.organization}\t{id}\t{person.contact}\t{moment(made)}\n")
