"""JSON text is checked in linear time and bounded memory before it is decoded."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.archive.artifacts import json_limits
from gateway.archive.artifacts.json_limits import check_json
from gateway.errors import UnreadableArtifact

FILE = Path("manifest.json")


@pytest.fixture
def never_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short texts are walked through too."""
    monkeypatch.setattr(json_limits, "_QUICK_BYTES", 0)


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1, "b": 2, "a": 3}',
        '{"outer": {"a": [], "a": []}}',
        '[{"x": [{}, {"a": 1, "b": {"c": {}}, "a": null}]}]',
        r'{"a": 1, "\u0061": 2}',
        r'{"a\\": 1, "b": ",", "a\\": 2}',
        r'{"\"": 1, "\u0022": 2}',
        '{"a"\n\t : 1, "a":2}',
        '{"é": 1, "\\u00e9": 2}',
        '{"k": "\\\\\\"", "k": 1}',
    ],
)
def test_a_repeated_key_is_found(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnreadableArtifact, match=r"manifest\.json: the key .* stands twice in one object"):
        check_json(text.encode(), FILE)
    monkeypatch.setattr(json_limits, "_QUICK_BYTES", 0)
    for size in (1, 2, 3, 7, 2**20):
        monkeypatch.setattr(json_limits, "_PIECE", size)
        with pytest.raises(UnreadableArtifact, match=r"manifest\.json: the key .* stands twice in one object"):
            check_json(text.encode(), FILE)


@pytest.mark.parametrize(
    "text",
    [
        '{"a": "a", "b": {"a": 1}, "c": [{"a": 1}, {"a": 2}]}',
        r'{"a\\b": 1, "a\"b": 2}',
        r'{"a": "\",\"a\":", "b": "{\"a\":1", "c": "}}"}',
        '{"a": ": {", "b": ["a", "a", "b"]}',
        '{"x": {"a": 1}, "y": {"a": 1}, "a": {}}',
        '"just a text"',
        "",
        "}}}}",
        '{"open": "',
    ],
)
def test_other_texts_pass(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    check_json(text.encode(), FILE)
    monkeypatch.setattr(json_limits, "_QUICK_BYTES", 0)
    for size in (1, 2, 3, 7, 2**20):
        monkeypatch.setattr(json_limits, "_PIECE", size)
        check_json(text.encode(), FILE)


def _has_repeated_key(text: str) -> bool:
    found = []

    def look(pairs: list[tuple[str, Any]]) -> None:
        found.append(len({key for key, _ in pairs}) < len(pairs))

    json.loads(text, object_pairs_hook=look)
    return any(found)


@pytest.mark.slow
def test_it_agrees_with_the_standard_library_on_every_file_of_the_demo(
    demo_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_limits, "_PIECE", 4096)
    for path in sorted(demo_folder.glob("finance/301001/*/step_*/*.json"))[:40]:
        text = path.read_text()
        assert not _has_repeated_key(text)
        for size in (8 * 2**20, 0):
            monkeypatch.setattr(json_limits, "_QUICK_BYTES", size)
            check_json(text.encode(), path)
        # The last object of the file, with its first key written once more.
        spoilt = text[: text.rindex("{")] + '{"again": 1, "again": 2, ' + text[text.rindex("{") + 1 :]
        if '"again": 2, }' not in spoilt:
            assert _has_repeated_key(spoilt)
            for size in (8 * 2**20, 0):
                monkeypatch.setattr(json_limits, "_QUICK_BYTES", size)
                with pytest.raises(UnreadableArtifact, match="'again' stands twice"):
                    check_json(spoilt.encode(), path)


class _CountedBytes(bytes):
    """Counts how many bytes of it are read."""

    read = 0

    def __getitem__(self, place: Any) -> Any:
        part = super().__getitem__(place)
        type(self).read += len(part)
        return part


@pytest.mark.usefixtures("never_quick")
@pytest.mark.parametrize(
    "text",
    [
        '{"long": "' + "x" * 200_000 + '", "end": 1}',
        "{" + ",".join(f'"k{number}":0' for number in range(20_000)) + "}",
        '{"a": ' + " " * 200_000 + "1}",
        '{"a"' + " " * 200_000 + ": 1}",
        "[" + ",".join(["{}"] * 70_000) + "]",
    ],
    ids=["one string", "many keys", "blanks", "blanks before a colon", "objects"],
)
def test_no_byte_is_read_often(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_limits, "_PIECE", 1024)
    monkeypatch.setattr(_CountedBytes, "read", 0)
    check_json(_CountedBytes(text.encode()), FILE)
    assert _CountedBytes.read < 5 * len(text)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (lambda: "[" + "[]," * 1_500_000 + "[]]", "more values"),
        (lambda: '{"nodes": {' + ",".join(f'"{number}":{{}}' for number in range(120_000)) + "}}", "more objects"),
        (lambda: "{" + ",".join(f'"key number {number}":0' for number in range(1_000_001)) + "}", "1,000,000 keys"),
        (lambda: '{"a":' * 1001, "nested too deeply"),
    ],
    ids=["lists", "records", "keys", "depth"],
)
def test_what_would_take_far_more_memory_than_its_text_is_refused(text: Callable[[], str], reason: str) -> None:
    with pytest.raises(UnreadableArtifact, match=reason):
        check_json(text().encode(), FILE)


_MEASURE = """
import resource, sys
from pathlib import Path
from gateway.errors import UnreadableArtifact
from gateway.archive.artifacts.invocation import ArtifactReader
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    ArtifactReader().read(Path(sys.argv[1]))
except UnreadableArtifact as refused:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, refused.message)
"""


@pytest.mark.slow
def test_a_file_takes_no_more_than_four_times_its_size(tmp_path: Path) -> None:
    file = tmp_path / "manifest.json"
    file.write_bytes(b'{"x":[' + b"[]," * 10_000_000 + b"[]]}")
    done = subprocess.run([sys.executable, "-c", _MEASURE, str(file)], capture_output=True, text=True, check=True)
    kilobytes, _, reason = done.stdout.partition(" ")
    assert "more values" in reason
    assert int(kilobytes) < 4 * 30_000
