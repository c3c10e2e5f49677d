"""Writes small archives from a seed: every odd thing that archives hold, close together.

Left out, each with its reason: more than nine runs of a job and more than 500 of an account, because histories
and look-backs are bounded, and those bounds have tests of their own; sources, tests and lineage, which `tests/oracle`
compares over the demo; commands of another run beside a `run.json`, which `tests/local_platform` holds.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

BEGINNING = datetime(2026, 3, 1, tzinfo=UTC)
WORDS = (
    ["success"] * 14 + ["error"] * 3 + ["skipped"] * 2 + ["reused"] * 2 + ["no-op", "interrupted", "partial success"]
)
# dbt's version with the versions of its manifest and run results.
VERSIONS = [
    ("1.0.9", 4, 4), ("1.3.0", 7, 4), ("1.4.1", 8, 4), ("1.5.0", 9, 4), ("1.7.4", 11, 5), ("1.8.0", 12, 6),
    ("1.11.2", 12, 6), ("2.0.0-beta.2", 12, 6),
]  # fmt: skip
KINDS = ["scheduled", "scheduled", "other", "ci", "merge"]


def iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@dataclass(frozen=True)
class ModelPlan:
    """A model as a manifest has it."""

    package: str
    name: str
    materialized: str
    tags: tuple[str, ...]
    version: int | None = None
    base: float = 10.0

    @property
    def unique_id(self) -> str:
        return f"model.{self.package}.{self.name}" + (f".v{self.version}" if self.version else "")


@dataclass
class ProjectPlan:
    """A project as it is at the moment: it changes while runs are written."""

    name: str
    number: int
    models: list[ModelPlan]
    version: tuple[str, int, int] = VERSIONS[-2]


@dataclass
class JobPlan:
    """A job and how its runs are."""

    number: int
    environment: int
    project: ProjectPlan
    kind: str
    commands: list[str]
    name: str
    runs: list[datetime] = field(default_factory=list)


@dataclass
class Archive:
    """Writes one archive below `folder`."""

    folder: Path
    random: random.Random
    invocations: int = 0
    used: set[int] = field(default_factory=set)

    def number(self) -> int:
        """An id that says nothing about time."""
        while (drawn := self.random.choice([self.random.randint(1, 99), self.random.randint(100, 2**40)])) in self.used:
            pass
        self.used.add(drawn)
        return drawn

    def write(self, path: Path, content: Any) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))

    def command(self, place: Path, project: ProjectPlan, ended: datetime, args: Mapping[str, Any], env: Any) -> None:
        """The manifest and the results of one command."""
        self.invocations += 1
        version, manifest, results = project.version
        chance = self.random
        head = {"dbt_version": version, "generated_at": iso(ended), "env": env}
        head["invocation_id"] = f"00000000-0000-4000-8000-{self.invocations:012d}"
        chosen = [one for one in project.models if chance.random() < 0.75]
        done = [_result(one, chance, ended, args) for one in chosen]
        self.write(
            place / "manifest.json",
            {
                "metadata": {
                    "dbt_schema_version": f"https://schemas.getdbt.com/dbt/manifest/v{manifest}.json",
                    **head,
                    "project_name": project.name,
                    "adapter_type": "duckdb",
                },
                "nodes": {one.unique_id: _node(one, project.models, manifest) for one in project.models},
                "sources": {},
            },
        )
        self.write(
            place / "run_results.json",
            {
                "metadata": {
                    "dbt_schema_version": f"https://schemas.getdbt.com/dbt/run-results/v{results}.json",
                    **head,
                },
                "results": done,
                "elapsed_time": chance.choice([None, 30.0]) if not env and chance.random() < 0.2 else 30.0,
                "args": dict(args),
            },
        )


def write_archive(folder: Path, seed: int) -> Path:
    """Writes the archive of a seed: every third is a folder of bare `target` folders without any `run.json`."""
    chance = random.Random(seed)  # noqa: S311  # repeatable on purpose
    archive = Archive(folder, chance)
    projects = [_project(archive, place) for place in range(chance.choice([1, 1, 2, 3]))]
    if seed % 3 == 2:
        _write_bare(archive, projects)
    else:
        _write_described(archive, projects)
    return folder


def _project(archive: Archive, place: int) -> ProjectPlan:
    chance, name = archive.random, ["shop", "finance", "web"][place]
    models = []
    for number in range(chance.randint(2, 6)):
        kind = chance.choice(["table", "view", "incremental", "incremental"])
        tags = tuple(one for one in ("daily", "pii", "core") if chance.random() < 0.4)
        version = chance.choice([None, None, None, 2])
        models.append(ModelPlan(name, f"m{number}", kind, tags, version, chance.choice([1.0, 5.0, 5.0, 40.0, 300.0])))
    if chance.random() < 0.4:
        models.append(replace(models[0], package="lib", base=7.0))
    return ProjectPlan(name, archive.number(), models, chance.choice(VERSIONS))


def _write_described(archive: Archive, projects: Sequence[ProjectPlan]) -> None:
    chance = archive.random
    environments, jobs = [], []
    for project in projects:
        for kind in ("production", "staging", None):
            if kind != "production" and chance.random() < 0.5:
                continue
            number = archive.number()
            environments.append(
                {"id": number, "project_id": project.number, "name": f"e{number}", "type": "deployment",
                 "deployment_type": kind}
            )  # fmt: skip
            kinds = ["scheduled", *chance.choices(KINDS, k=chance.randint(0, 2))]
            jobs += [_job(archive, project, number, one) for one in kinds]
    account = {
        "account": {"id": 9, "name": "A"},
        "projects": [{"id": one.number, "name": one.name} for one in projects],
        "environments": environments,
        "jobs": [
            {"id": one.number, "name": one.name, "environment_id": one.environment, "project_id": one.project.number,
             "execute_steps": one.commands, "job_type": one.kind}
            for one in jobs
        ],
    }  # fmt: skip
    archive.write(archive.folder / "account.json", account)
    for due, job in _times(archive, jobs):
        _change(job.project, chance)
        _described_run(archive, job, due)


def _job(archive: Archive, project: ProjectPlan, environment: int, kind: str) -> JobPlan:
    commands = archive.random.choice([["dbt build"], ["dbt build"], ["dbt run", "dbt test"]])
    number = archive.number()
    return JobPlan(number, environment, project, kind, commands, f"job {number}")


def _times(archive: Archive, jobs: Sequence[JobPlan]) -> list[tuple[datetime, JobPlan]]:
    """When runs are due: some at the same time, some overlapping, in the order of time."""
    chance, due = archive.random, []
    for job in jobs:
        amount = chance.choice([1, 3, 6, 9])
        due += [(BEGINNING + timedelta(hours=6 * chance.randint(0, 40)), job) for _ in range(amount)]
    return sorted(due, key=lambda one: one[0])


def _change(project: ProjectPlan, chance: random.Random) -> None:
    """Now and then a model is renamed, moves, changes its tags, goes or comes; dbt is upgraded."""
    models, place = project.models, chance.randrange(len(project.models))
    one, what = models[place], chance.random()
    if what < 0.06:
        models[place] = replace(one, name=f"r{chance.randint(1, 999)}")
    elif what < 0.10 and all((each.package, each.name) != ("lib", one.name) for each in models):
        models[place] = replace(one, package="lib")
    elif what < 0.18:
        models[place] = replace(one, tags=("late",), materialized=chance.choice(["table", "incremental"]))
    elif what < 0.21 and len(models) > 2:
        del models[place]
    elif what < 0.25:
        models.append(ModelPlan(project.name, f"n{chance.randint(1, 999)}", "table", ("core",)))
    elif what < 0.32:
        project.version = chance.choice(VERSIONS)


def _arguments(chance: random.Random, which: str, ci: bool) -> dict[str, Any]:
    """What the command was: an ordinary one mostly."""
    special: list[dict[str, Any]] = [
        {"full_refresh": True},
        {"full_refresh": True},
        {"empty": True},
        {"sample": "3 days"},
        {"which": "clone"},
    ]
    drawn = chance.choice(special) if chance.random() < 0.2 and not ci else {}
    return {"which": which, "invocation_command": f"dbt {which}", "target": "prod", **drawn}


def _described_run(archive: Archive, job: JobPlan, due: datetime) -> None:
    chance, number = archive.random, archive.number()
    place = archive.folder / job.project.name / str(job.number) / str(number)
    started = due + timedelta(seconds=chance.choice([0, 0, 5, 90]))
    ended = started
    cancelled = chance.random() < 0.08
    spelled = []
    for step in range(1, 1 if cancelled and chance.random() < 0.5 else chance.choice([2, 2, 3])):
        late = timedelta(hours=30) if step > 1 and chance.random() < 0.3 else timedelta()
        ended += late + timedelta(seconds=chance.choice([40, 40, 900, chance.randint(31, 50_000)]))
        args = _arguments(chance, chance.choice(["build", "run"]) if step == 1 else "retry", job.kind == "ci")
        spelled.append(_spelling(args))
        archive.command(place / f"step_{step}", job.project, ended, args, {})
    record: dict[str, Any] = {
        "id": number,
        "job_definition_id": job.number,
        "project_id": job.project.number,
        "environment_id": job.environment,
        "status": 30 if cancelled else chance.choice([10, 10, 10, 20]),
        "created_at": iso(due),
        "started_at": iso(started),
        "finished_at": iso(ended if ended > started else started + timedelta(seconds=2)),
        "trigger": {"cause": "x", "cause_category": "scheduled", "steps_override": spelled},
    }
    if not spelled:
        del record["trigger"]["steps_override"]
    odd = chance.random()
    if odd < 0.05:
        del record["created_at"]
    elif odd < 0.08:
        record["finished_at"] = iso(started - timedelta(seconds=50))
        record["created_at"] = iso(started - timedelta(seconds=90))
    archive.write(place / "run.json", record)


def _spelling(args: Mapping[str, Any]) -> str:
    flags = {"full_refresh": "--full-refresh", "empty": "--empty", "sample": "--sample=3 days"}
    return " ".join(["dbt", args["which"], *(word for name, word in flags.items() if name in args)])


def _write_bare(archive: Archive, projects: Sequence[ProjectPlan]) -> None:
    """Each run in a folder of its own, with the ids that a scheduler gave as text."""
    chance = archive.random
    jobs = [
        JobPlan(number, 0, project, "other", [], f"{project.name} {number}")
        for project in projects
        for number in range(chance.choice([1, 2, 3]))
    ]
    for place, (due, job) in enumerate(_times(archive, jobs)):
        _change(job.project, chance)
        run = f"{chance.choice('abcxyz')} {place}"
        env = {"DBT_CLOUD_JOB_ID": job.name, "DBT_CLOUD_RUN_ID": run}
        ended = due
        for step in range(chance.choice([1, 1, 2])):
            ended += timedelta(seconds=chance.choice([40, 40, 900, 30 * 3600 if step else 60]))
            args = _arguments(chance, "retry" if step else "build", ci=False)
            archive.command(archive.folder / f"target_{place}_{step}", job.project, ended, args, env)


def _node(one: ModelPlan, models: Sequence[ModelPlan], manifest: int) -> dict[str, Any]:
    before = models[: models.index(one)][-1:]
    return {
        "unique_id": one.unique_id,
        "name": one.name,
        "resource_type": "model",
        "package_name": one.package,
        "fqn": [one.package, one.name],
        "alias": one.name,
        "schema": "main",
        "database": "db",
        "tags": list(one.tags),
        "config": {"materialized": one.materialized},
        "path": f"{one.name}.sql",
        "original_file_path": f"models/{one.name}.sql",
        "raw_code" if manifest >= 7 else "raw_sql": f"select '{one.package} {one.materialized}'",
        "depends_on": {"nodes": [each.unique_id for each in before]},
        **({"version": one.version} if one.version else {}),
    }


def _result(one: ModelPlan, chance: random.Random, ended: datetime, args: Mapping[str, Any]) -> dict[str, Any]:
    word = chance.choice(WORDS)
    seconds = one.base * chance.choice([1.0, 1.0, 1.5, 2.25])
    if chance.random() < 0.02:
        seconds = chance.choice([-3.0, 1e308, 0.0])
    if word in ("skipped", "no-op"):
        seconds = 0.0
    began = ended - timedelta(seconds=25)
    timing = [
        {"name": "compile", "started_at": iso(began), "completed_at": iso(began + timedelta(milliseconds=120))},
        {"name": "execute", "started_at": iso(began + timedelta(milliseconds=130)), "completed_at": iso(ended)},
    ]
    return {
        "unique_id": one.unique_id,
        "status": word,
        "execution_time": seconds,
        "thread_id": "Thread-1",
        "message": f"{args['which']} {word}",
        "failures": None,
        "adapter_response": {},
        "timing": [] if word in ("skipped", "no-op") or chance.random() < 0.03 else timing,
    }
