"""docs/settings.md lists every setting as the code has it. `python -m tests.test_settings_table` writes it anew."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic_core import PydanticUndefined

from gateway.settings import Settings

FILE = Path(__file__).parents[1] / "docs/settings.md"
HEAD = """# Settings

Each is read from the environment variable `GATEWAY_<NAME>`, else from the TOML file that `GATEWAY_CONFIG` names (names
there in lower case, without the prefix). Lists have commas in the environment: `GATEWAY_ALLOWED_HOSTS=a,b`.
Options of `gateway serve` come before both.

| setting | default | meaning |
|---|---|---|
"""


def table() -> str:
    """The whole file: where data come from first, then the groups that have a module of their own."""
    own = Settings.__annotations__
    fields = sorted(Settings.model_fields.items(), key=lambda field: field[0] not in own)
    rows = [f"| `{name}` | {shown(field.default)} | {field.description} |" for name, field in fields]
    return HEAD + "\n".join(rows) + "\n"


def shown(default: Any) -> str:
    if default in (None, (), PydanticUndefined):
        return "–"
    if isinstance(default, bool):
        return str(default).lower()
    return (
        f"{default:,}" if isinstance(default, int) else f"{default:g}" if isinstance(default, float) else str(default)
    )


def test_every_setting_is_documented_as_it_is() -> None:
    assert FILE.read_text("utf-8") == table(), "write it anew: python -m tests.test_settings_table"


def test_every_setting_has_a_meaning() -> None:
    assert not [name for name, field in Settings.model_fields.items() if not field.description]


if __name__ == "__main__":
    FILE.write_text(table(), "utf-8")
