"""The toolkit has nothing to say against the hub's own database, and nothing is ignored without a reason."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from tenfold.cli.main import tenfold

CONFIG = Path("src/tenfold_hub/tenfold.toml")


def test_an_audit_of_the_hub_has_no_finding(owner: str) -> None:
    result = CliRunner().invoke(tenfold, ["audit", owner, "--config", str(CONFIG), "--format", "json"])
    found = json.loads(result.stdout)
    assert [(each["rule"], each["object"]) for each in found["findings"]] == []
    assert result.exit_code == 0
