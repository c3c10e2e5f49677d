"""What whoever reads a folder knows of the runs in it that have no run.json: names, a commit, commands to leave out."""

from __future__ import annotations

from dataclasses import dataclass, replace

from gateway.archive.artifacts.invocation import Invocation
from gateway.archive.artifacts.records import PULL_REQUEST, RunRecord, TriggerRecord

# The words that may be ignored, and what `args.which` or the files call these commands.
COMMANDS = {
    "build": "build",
    "clone": "clone",
    "compile": "compile",
    "docs": "generate",
    "freshness": "source freshness",
    "list": "list",
    "parse": "parse",
    "retry": "retry",
    "run": "run",
    "run-operation": "run-operation",
    "seed": "seed",
    "show": "show",
    "snapshot": "snapshot",
    "test": "test",
}


@dataclass(frozen=True)
class Commit:
    """What a scheduler says of the run it started; `url` is where it shows the run. `is_proposed`: whether a pull or
    merge request started it."""

    sha: str | None = None
    branch: str | None = None
    url: str | None = None
    is_proposed: bool = False


@dataclass(frozen=True)
class GivenFacts:
    """`project` counts where no manifest names one, the other names before what the artifacts report.

    `ignored`: keys of `COMMANDS`; such commands are not stored.
    """

    job: str | None = None
    run: str | None = None
    environment: str | None = None
    project: str | None = None
    commit: Commit = Commit()
    ignored: frozenset[str] = frozenset()

    @property
    def record(self) -> RunRecord:
        """The same as run.json would report it."""
        return RunRecord(
            id=self.run,
            job_definition_id=self.job,
            job_name=self.job,
            environment_name=self.environment,
            git_sha=self.commit.sha,
            git_branch=self.commit.branch,
            href=self.commit.url,
            trigger=TriggerRecord(cause_category=PULL_REQUEST) if self.commit.is_proposed else TriggerRecord(),
        )

    def without_commit(self) -> GivenFacts:
        """For a folder of many runs: they are not all of one commit."""
        return replace(self, commit=Commit())

    def keeps(self, invocation: Invocation) -> bool:
        """Whether the command is one to store."""
        command = invocation.command
        if command is None and set(invocation.files) == {"manifest.json"}:
            command = "parse"
        return command not in {COMMANDS[word] for word in self.ignored}


NOTHING_GIVEN = GivenFacts()
