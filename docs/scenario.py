"""Writes the reference of scenario files from their structs and the comments above the fields."""

from __future__ import annotations

from docs.configuration import section_tables
from tenfold.model import scenario

INTRODUCTION = """# Scenario

A scenario says how the tenants of a database and their rows grow. `tenfold scenario init SOURCE -o FILE`
writes one from what a database shows; `tenfold scenario check FILE SOURCE` holds one against a schema and
shows the rows that it comes to. Everything can be left out; an unknown key is an error.

```toml
at = [0, 6, 12, 24]

[tenants]
count = 100
growth = "5%"
largest_share = 0.1

[tables.leads]
per = "tenant"
rows = 10_000
monthly = 1_000

[tables.leads.columns.status]
values = { new = 0.5, won = 0.02 }

[tables.messages]
per = "leads"
rows = 5
monthly = 5

[tables.inbox_items]
per = "messages"
rows = 0.2

[tables.campaign_queue]
per = "leads"
monthly = 0.5
retention_days = 30

[budgets]
read = 100
```
## How rows are counted

- `per` and `rows`: so many rows for each tenant or each row of another table, at all times. A new tenant
  comes with as many. Above, one message in five is in the inbox, however many there are.
- `growth` besides: that number grows every month, for old and new alike.
- `monthly` besides: `rows` are there at the start, and from then on so many arrive a month for each tenant
  or parent that there is by then. A new tenant begins with none. Above, 100 tenants get 1,000 leads a month
  each.
- `monthly` with `retention_days`: rows leave again, so as many are there as arrive in that time. Above,
  half a row for each lead at any time.
- Without `per`, the figures are of the whole table.
- A table that is not named grows with the table that its foreign keys say it belongs to, or else with the
  tenants, as it is to them now. One that belongs to no tenant stays as it is, and so does one that is
  empty: a forecast says so.

A month is 30 days in `monthly` and `retention_days`; dates are counted in months of the calendar. The rows
of a partitioned table are told of the table, not of its partitions. The tenants' own table has a row for
each tenant, so only its columns are told.

"""

#: Types of fields, in the words of TOML.
TYPES = {
    "str": "string",
    "int": "integer",
    "float": "number",
    "float | str": "number, or percentage as a string",
    "datetime.date": "date",
    "tuple[int | float | datetime.date, ...]": "list of numbers and dates",
    "dict[str, float]": "table: value = share",
    "Scalar": "string, number, true or false",
}

SECTIONS = (
    ("top level", scenario.Scenario),
    ("[tenants]", scenario.Tenants),
    ("[tenants.target]", scenario.Target),
    ("[tables.NAME]", scenario.TableGrowth),
    ("[tables.NAME.columns.NAME]", scenario.ColumnContent),
    ("[budgets]", scenario.Budgets),
)


def scenario_page() -> str:
    return "\n".join([INTRODUCTION + "## Keys", "", *section_tables(SECTIONS, TYPES)]).rstrip("\n") + "\n"
