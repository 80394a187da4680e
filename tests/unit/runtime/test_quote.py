"""Names cannot leave their quotes."""

from __future__ import annotations

import pytest

from tenfold.errors import UsageError
from tenfold.runtime.quote import quoted_name, setting_name


def test_quotes_within_are_doubled() -> None:
    assert quoted_name("app", 'le"ads') == '"app"."le""ads"'


@pytest.mark.parametrize(
    "name", ["", "tenant", "app.", ".app", "app.x; DROP", "app.x'", "app x.y", "app.x\n"]
)
def test_what_is_no_setting_of_ones_own_is_refused(name: str) -> None:
    with pytest.raises(UsageError):
        setting_name(name)


def test_settings_may_have_several_parts() -> None:
    assert setting_name("my_app.tenant.id$1") == "my_app.tenant.id$1"
