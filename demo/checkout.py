"""Lays a project's code as of a moment into a working folder."""

from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path

from demo.history import REVISIONS, Change

PROJECTS = Path(__file__).parent / "projects"
_GENERATED = {"target", "logs", "dbt_packages"}


def check_out(project: str, target: str, now: datetime, into: Path) -> str:
    """Writes the project and the package it shares; returns a hash that stands for the commit."""
    for name in (project, "common"):
        for path in (PROJECTS / name).rglob("*"):
            if path.is_file():
                _put(into / path.relative_to(PROJECTS), path.read_text())
    _put(into / "profiles.yml", (PROJECTS / "profiles.yml").read_text())
    for name, text in _revised(project, target, now).items():
        if text is None:
            (into / project / name).unlink(missing_ok=True)
        else:
            _put(into / project / name, text)
    return _hash(into / project)


def _revised(project: str, target: str, now: datetime) -> dict[str, str | None]:
    files: dict[str, str | None] = {}
    for revision in REVISIONS:
        if revision.project != project or revision.since > now or revision.target not in (None, target):
            continue
        for name, change in revision.files.items():
            files[name] = _changed(project, name, files.get(name), change)
    return files


def _changed(project: str, name: str, current: str | None, change: Change) -> str | None:
    if change is None or isinstance(change, str):
        return change
    text = current if current is not None else (PROJECTS / project / name).read_text()
    return text.replace(*change)


def _put(path: Path, text: str) -> None:
    """Leaves untouched files alone: dbt's partial parsing goes by their times."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def _hash(folder: Path) -> str:
    digest = hashlib.sha1(usedforsecurity=False)
    for path in sorted(folder.rglob("*")):
        if path.is_file() and _GENERATED.isdisjoint(path.relative_to(folder).parts):
            digest.update(str(path.relative_to(folder)).encode() + path.read_bytes())
    return digest.hexdigest()
