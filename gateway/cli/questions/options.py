"""The options of the questions."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from gateway.cli.one_line_parser import Commands
from gateway.cli.questions.answer import Limit
from gateway.cli.whole_numbers import whole_number

_EPILOG = (
    "Reads the demo, unless --artifacts, --store, --url or GATEWAY_* settings name another source, for example dbt "
    "Cloud. Exit codes: 0 success, 2 failure, 3 a value exceeds --fail-over."
)


def add_questions(commands: Commands) -> None:
    """Adds a command for each question."""
    slowest = _add(commands, "slowest", "the slowest models, by their last successful run or the mean of several")
    _add_ranking(slowest, "models", "the mean over the last N runs that count")
    slowest.add_argument("--job", metavar="NAME|ID", help="rank models by their runtime in the newest run of this job")
    _add_limit(slowest, _seconds_limit, "SECONDS", "the slowest model took more than this")

    longest = _add(commands, "longest", "the longest jobs, by their wall clock or the mean of several")
    _add_ranking(longest, "jobs", "the mean over the last N runs that completed")
    _add_limit(longest, _seconds_limit, "SECONDS", "the longest job took more than this")

    _add_regressions(commands)
    failures = _add(commands, "failures", "what failed in the newest runs of each job, and since when")
    _add_ranking(failures, "failures", "the newest N runs of each job", first=50)
    failures.add_argument("--job", metavar="NAME|ID", help="only this job")

    _add_run(commands)

    model = _add(commands, "model", "the facts of a model, and its last runs")
    model.add_argument("name", metavar="NAME", help="project.model, dbt's unique id, or the name alone")
    model.add_argument(
        "--last-runs", type=_runs, default=10, metavar="N", help="runs to show (default: 10; at most 100)"
    )

    search = _add(commands, "search", "models and jobs whose name contains a text")
    search.add_argument("text", metavar="TEXT", help="a part of the name, in any case")
    _add_first(search, "models, and jobs,", 20)

    diff = _add(commands, "diff", "a run compared with another run of its job, by resource")
    diff.add_argument("base", metavar="A", help="the run before: an id, previous, previous_success or typical")
    diff.add_argument("run", metavar="B", help="the run after: an id, or latest")
    diff.add_argument("--job", metavar="NAME|ID", help="latest: the newest run of this job")
    _add_first(diff, "resources", 10)
    _add_limit(diff, _limit, "SECONDS|PERCENT", "B took so much more than A")
    _add_what_if(commands)

    _add_waste(commands)
    _add_report(commands)


def _add_waste(commands: Commands) -> None:
    waste = _add(commands, "waste", "builds of models that changed nothing, and what dbt reused")
    waste.add_argument(
        "--since", type=_moment, metavar="TIME", help="start of the window (default: midnight 7 days before)"
    )
    waste.add_argument("--until", type=_moment, metavar="TIME", help="end of the window, exclusive (default: now)")
    _add_first(waste, "models", 10)
    _add_limit(waste, _seconds_limit, "SECONDS", "such builds took more than this a day")


def _add_report(commands: Commands) -> None:
    report = commands.add_parser(
        "report",
        help="what a pull request changes: run times, costs, failures, models",
        description="Compare the dbt run of a pull request with a baseline, and print what the pull request changes, "
        "as Markdown: run time of the models whose code it changes, cost where a rate is set, new failures, models "
        "that are new on the critical path, models added and removed.",
        epilog="Without --base and --store the baseline is what GATEWAY_* settings name, else the demo. Exit codes: 0 "
        "success, 2 failure, 3 a value exceeds --fail-over.",
    )
    _add_baseline(report)
    report.add_argument(
        "--head", type=Path, required=True, metavar="DIR", help="the target folder of the pull request's dbt run"
    )
    _add_first(report, "rows of each table", 10)
    formats = report.add_mutually_exclusive_group()
    formats.add_argument("--json", dest="format", action="store_const", const="json", help="print JSON")
    formats.add_argument(
        "--markdown", dest="format", action="store_const", const="markdown", help="print Markdown (the default)"
    )
    report.add_argument(
        "--post",
        choices=("github", "gitlab"),
        help="also post it as a comment on the pull request of this CI job; later runs update the comment",
    )
    report.set_defaults(format="markdown", project=None, quiet=True)
    _add_limit(
        report, _limit, "SECONDS|PERCENT", "the changed models take so much more; differences within the noise are 0"
    )


def _add_baseline(report: argparse.ArgumentParser) -> None:
    base = report.add_mutually_exclusive_group()
    base.add_argument(
        "--base", dest="artifacts", type=Path, metavar="DIR", help="the baseline: a target folder, or one of several"
    )
    base.add_argument("--store", metavar="URL", help="the baseline: production in an archive, e.g. sqlite:///runs.db")
    report.add_argument(
        "--environment",
        choices=("production", "staging"),
        default="production",
        help="the baseline's environment (default: production)",
    )
    report.add_argument(
        "--job", metavar="NAME|ID", help="the baseline's job (default: that of the project's newest run, but for CI)"
    )
    report.add_argument(
        "--last-runs",
        type=_runs,
        default=20,
        metavar="N",
        help="runs of the baseline whose median and spread count (default: 20; at most 100)",
    )


def _add_run(commands: Commands) -> None:
    run = _add(commands, "run", "the facts of a run, its slowest models, and what failed")
    run.add_argument("run", metavar="ID|latest", help="a run's id, or the newest run")
    run.add_argument("--job", metavar="NAME|ID", help="latest: the newest run of this job")
    run.add_argument("--otlp", metavar="URL", help="also send the run as a trace to an OTLP collector over HTTP")
    run.add_argument(
        "--openlineage", metavar="URL|FILE", help="also send the run as OpenLineage events, or write them to a file"
    )
    run.add_argument("--trace", type=Path, metavar="FILE", help="also write the run as a trace, for ui.perfetto.dev")
    _add_first(run, "models and failures", 10)
    _add_limit(run, _limit, "SECONDS|PERCENT", "it took more than this, or (20%%) so much more than a typical run")


def _add_regressions(commands: Commands) -> None:
    regressions = _add(commands, "regressions", "models and jobs with a lasting increase of their runtime")
    regressions.add_argument("--since", type=_moment, metavar="TIME", help="start of the window (default: 30 days ago)")
    regressions.add_argument(
        "--suspected", action="store_true", help="also changes that are not certain enough for an alert"
    )
    regressions.add_argument("--tag", action="append", metavar="T", help="only models with this tag; repeatable")
    _add_first(regressions, "regressions", 10)
    _add_limit(regressions, _seconds_limit, "SECONDS", "one of them costs more than this a day")


def _add_what_if(commands: Commands) -> None:
    change = _add(commands, "what-if", "how long a run, or a job, would take with a change")
    change.add_argument("--run", metavar="ID|latest", help="the run that is changed (default: latest)")
    change.add_argument(
        "--job", metavar="NAME|ID", help="the last 5 successful runs of this job; with --run latest its newest run"
    )
    change.add_argument("--threads", type=_threads, metavar="N", help="simulate N threads")
    for name, unit, what in (("factor", "0.5", "as a factor of the old"), ("seconds", "3", "in seconds")):
        change.add_argument(
            f"--{name}",
            type=_new_runtime,
            action="append",
            default=[],
            metavar=f"UNIQUE_ID={unit}",
            help=f"a resource's new runtime, {what}; repeatable",
        )
    change.add_argument("--drop", action="append", default=[], metavar="UNIQUE_ID", help="leave it out; repeatable")
    change.add_argument("--longest-first", action="store_true", help="start the longest remaining chain first")


def _add(commands: Commands, name: str, help_text: str) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=help_text, description=f"Show {help_text}.", epilog=_EPILOG)
    source = parser.add_mutually_exclusive_group()
    source.add_argument(
        "--artifacts", type=Path, metavar="DIR", help="a dbt target folder, or a folder of such folders"
    )
    source.add_argument("--store", metavar="URL", help="an archive of runs, e.g. sqlite:///runs.db")
    source.add_argument("--url", help="a running gateway; its key is taken from DBT_GATEWAY_KEY")
    parser.add_argument(
        "--environment", choices=("production", "staging"), default="production", help="each project's environment"
    )
    parser.add_argument("--project", action="append", metavar="P", help="only this project; repeatable")
    formats = parser.add_mutually_exclusive_group()
    for flag, what in (("json", "JSON"), ("csv", "CSV: the first table"), ("markdown", "Markdown")):
        formats.add_argument(f"--{flag}", dest="format", action="store_const", const=flag, help=f"print {what}")
    return parser


def _add_ranking(parser: argparse.ArgumentParser, what: str, over: str, first: int = 10) -> None:
    _add_first(parser, what, first)
    parser.add_argument("--last-runs", type=_runs, default=1, metavar="N", help=f"{over} (default: 1; at most 100)")
    parser.add_argument(
        "--tag", action="append", metavar="T", help="only models with this tag, or jobs of them; repeatable"
    )


def _add_first(parser: argparse.ArgumentParser, what: str, default: int) -> None:
    parser.add_argument(
        "--first", type=_first, default=default, metavar="N", help=f"{what} to show (default: {default})"
    )


def _add_limit(parser: argparse.ArgumentParser, kind: Callable[[str], Limit], metavar: str, when: str) -> None:
    parser.add_argument("--fail-over", type=kind, metavar=metavar, help=f"exit with code 3 when {when}")


def _first(text: str) -> int:
    return whole_number(text, 1, 1000, "how many to show")


def _runs(text: str) -> int:
    return whole_number(text, 1, 100, "a number of runs")


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no time: give 2026-03-01 or 2026-03-01T05:00:00Z") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _seconds_limit(text: str) -> Limit:
    if text.endswith("%"):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds; percentages are for gateway run and diff")
    return _limit(text)


def _limit(text: str) -> Limit:
    number = text.removesuffix("%").removesuffix("s")
    try:
        value = float(number)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0):
        raise argparse.ArgumentTypeError(f"{text!r} is no limit: give seconds (90) or a percentage (20%)")
    return Limit(value, text.endswith("%"))


def _threads(text: str) -> int:
    return whole_number(text, 1, 1000, "a number of threads")


def _new_runtime(text: str) -> tuple[str, float]:
    name, _, number = text.rpartition("=")
    try:
        value = float(number)
    except ValueError:
        value = math.nan
    if not (name and math.isfinite(value) and value >= 0):
        raise argparse.ArgumentTypeError(f"{text!r} is no new runtime: write model.project.name=0.5")
    return name, value
