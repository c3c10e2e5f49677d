"""What an answer of a disturbed dbt is worth beside that of an undisturbed one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from tests.dbt_cloud.account import GROWTH, AccountFacts
from tests.serving import Reply

Worth = Literal["right", "noted", "coded", "wrong"]

# What an answer may hold fewer of; and what then is a mean, or a place, among fewer.
_COUNTS = frozenset({"totalCount", "runCount", "modelCount", "failureCount", "skippedCount"})
_AMONG_FEWER = frozenset({"runtime", "rank"})
_IDS = ("uniqueId", "id", "model", "job", "result")
_INFERRED = frozenset(
    {"name", "kind", "status", "statusText", "runtime", "runCount", "startTime", "error", "totalCount"}
)

_SAID_OTHERWISE = frozenset({"message", "error", "status"})

_PROJECTS: Mapping[str, frozenset[str]] = {
    "finance": frozenset({"1101", "1102", "1104"}),
    "growth": frozenset({"1201"}),
}


@dataclass(frozen=True)
class Difference:
    """Where an answer differs. `less`: it holds less there than there is, and nothing else. `project` is that of what
    is missing, None where nobody can say.
    `renamed`: it is the same name in other letters. `new`: what nobody expected there."""

    path: tuple[Any, ...]
    text: str
    less: bool
    project: str | None = None
    renamed: bool = False
    new: tuple[Any, ...] = ()


def worth(expected: Any, reply: Reply) -> tuple[Worth, list[str]]:
    """What an answer is worth; and where it is wrong.

    Right: the same. Coded: what differs stands below an error of its own, with a code. Noted: what differs is less than
    there is, never something else, and the answer says so of the project that lacks it: in `notes` or `incomplete`.
    What stands in `inferred` answers of the Admin API may differ, as documented. All else is wrong.
    """
    codes = {tuple(error.get("path", ())): error["extensions"]["code"] for error in reply.errors}
    if any(code in ("INTERNAL_SERVER_ERROR", "GRAPHQL_VALIDATION_FAILED") for code in codes.values()):
        return "wrong", [reply.text[:300]]
    gateway = reply.gateway
    # Notes of rankings and pages say what they always say; those of dbt's gaps have a code.
    notes = [note for note in gateway.get("notes", ()) if "code" in note]
    is_noted = bool(notes or gateway.get("incomplete"))
    differences = [one for one in _differences(expected, reply.data, ()) if not _is_coded(one.path, codes)]
    wrong = [
        one.text
        for one in differences
        if not (_is_said(one, gateway, notes) or _is_told_otherwise(one, gateway, notes))
    ]
    if wrong:
        return "wrong", wrong
    if codes:
        return "coded", []
    return ("noted" if differences or is_noted else "right"), [one.text for one in differences]


def _is_coded(path: tuple[Any, ...], codes: Mapping[tuple[Any, ...], str]) -> bool:
    """Whether an error stands here, above, or (where null has climbed up) below."""
    return any(path[: len(known)] == known or known[: len(path)] == path for known in codes)


def _is_told_otherwise(one: Difference, gateway: Mapping[str, Any], notes: Sequence[Mapping[str, Any]]) -> bool:
    """Four things that may be something else than what there is, as their notes say: what is inferred in the place of
    what the Admin API refuses, a project that goes by its name in dbt Cloud, a run that failed nobody knows why, and
    words that stand in the place of what fields reported that dbt's schema does not have."""
    codes = {note["code"] for note in notes}
    if one.new and all("dbt has no metadata of it" in str(item) for item in one.new):
        return "NO_RUN_METADATA" in codes
    if gateway.get("inferred") or any("are inferred" in note["message"] for note in notes):
        return one.less or one.path[-1] in _INFERRED
    if "FIELDS_UNKNOWN" in codes and (one.new or one.path[-1] in _SAID_OTHERWISE):
        return True
    return one.renamed and bool(codes & {"PROJECT_NAME_UNREAD", "FIELDS_UNKNOWN"})


def _is_said(one: Difference, gateway: Mapping[str, Any], notes: Sequence[Mapping[str, Any]]) -> bool:
    if not one.less:
        return False
    if one.project is None:
        return bool(notes or gateway.get("incomplete"))
    about = _PROJECTS[one.project]
    of_notes = any(not note.get("environments") or about & set(note["environments"]) for note in notes)
    return of_notes or any(part.get("project") in (None, one.project) for part in gateway.get("incomplete", ()))


def _differences(expected: Any, got: Any, path: tuple[Any, ...]) -> Iterator[Difference]:
    if got == expected:
        return
    text = f"{'.'.join(map(str, path))}: {str(expected)[:80]} became {str(got)[:80]}"
    if isinstance(expected, dict) and isinstance(got, dict) and expected.keys() == got.keys():
        yield from _of_objects(expected, got, path)
    elif isinstance(expected, list) and isinstance(got, list):
        yield from _of_lists(expected, got, path)
    else:
        # UNKNOWN is what is said of a status that dbt does not report.
        less = got is None or got == "UNKNOWN" or (path[-1] in _COUNTS and got < expected)
        is_text = isinstance(expected, str) and isinstance(got, str)
        yield Difference(path, text, less, renamed=is_text and got.casefold() == expected.casefold(), new=(got,))


def _of_objects(expected: Mapping[str, Any], got: Mapping[str, Any], path: tuple[Any, ...]) -> Iterator[Difference]:
    fewer = any(got[name] is None or got[name] < expected[name] for name in _COUNTS & expected.keys())
    for name, value in expected.items():
        for one in _differences(value, got[name], (*path, name)):
            among_fewer = fewer and one.path == (*path, name) and name in _AMONG_FEWER
            yield replace(one, less=True) if among_fewer else one


def _of_lists(expected: Sequence[Any], got: Sequence[Any], path: tuple[Any, ...]) -> Iterator[Difference]:
    """Items are told apart by their ids; what is missing is less, what is new is wrong, and so is another order."""
    known = {_identity(one): one for one in expected}
    given = {_identity(one): (place, one) for place, one in enumerate(got)}
    for name, value in known.items():
        if name in given:
            place, item = given[name]
            yield from _differences(_without_rank(value), _without_rank(item), (*path, place))
        else:
            yield Difference(path, f"{'.'.join(map(str, path))}: {name} is missing", True, _project_of(name))
    new = tuple(item for name, (_, item) in given.items() if name not in known)
    if new:
        yield Difference(path, f"{'.'.join(map(str, path))}: {str(new)[:200]} is new", False, new=new)


def _identity(item: Any) -> str:
    found = next((item[name] for name in _IDS if isinstance(item, dict) and item.get(name)), item)
    return _identity(found) if isinstance(found, dict) and found is not item else str(found).casefold()


def _without_rank(item: Any) -> Any:
    return {name: value for name, value in item.items() if name != "rank"} if isinstance(item, dict) else item


def _project_of(name: str) -> str | None:
    """The project that something belongs to, by its id."""
    facts = AccountFacts()
    growth = {str(job.id) for job in facts.jobs if job.project == GROWTH}
    growth |= {str(run.id) for run in facts.runs if run.project == GROWTH}
    ours = {str(one.id) for one in (*facts.jobs, *facts.runs)}
    if name in growth:
        return "growth"
    return next((one for one in _PROJECTS if one in name.split(".")), "finance" if name in ours else None)
