"""The command line's grammar: commands, their options, and what their help says."""

from __future__ import annotations

import argparse
from pathlib import Path

import gateway
from gateway.cli.one_line_parser import Commands, OneLineParser
from gateway.cli.questions.options import add_questions
from gateway.cli.whole_numbers import whole_number

# The words of --ignore, as `gateway.archive.artifacts.given_facts` knows them; --help does not wait for its import.
COMMANDS = (
    *("build", "clone", "compile", "docs", "freshness", "list", "parse", "retry", "run", "run-operation", "seed"),
    *("show", "snapshot", "test"),
)
_STORE_HELP = "an archive of runs, e.g. sqlite:///runs.db or postgresql+psycopg://user@host/name"
_FOLDER_HELP = "a dbt target folder, or a folder of such folders"


def build_parser() -> argparse.ArgumentParser:
    """Parses into a namespace whose `command` is the name of one. Wrong options end the process with exit code 2."""
    parser = OneLineParser(
        prog="gateway", description=gateway.__doc__, epilog="gateway COMMAND --help explains a command's options."
    )
    parser.add_argument("--version", action="version", version=f"gateway {gateway.__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command", required=True)
    _add_serve(commands)
    add_questions(commands)
    _add_ingest(commands)
    _add_exec(commands)
    _add_platform(commands)
    _add_mcp(commands)
    _add_mirror(commands)
    _add_alerts(commands)
    _add_archive(commands)
    _add_export(commands)
    _add_doctor(commands)
    _add_schema(commands)
    _add_key(commands)
    _add_completion(commands)
    return parser


def _add_serve(commands: Commands) -> None:
    serve = commands.add_parser(
        "serve",
        help="serve GraphQL, the pages and GraphiQL",
        description="Serve GraphQL, the pages and GraphiQL over dbt Cloud, a folder of dbt artifacts or an archive. "
        "Without configuration the demo is served. Further settings: GATEWAY_* variables, or a TOML file "
        "named by GATEWAY_CONFIG.",
    )
    _add_address(serve, 8000)
    _add_source(serve)
    serve.add_argument(
        "--mirror",
        action="store_true",
        help="also copy dbt Cloud's finished runs into the archive of GATEWAY_ARCHIVE_URL, in a separate process",
    )
    serve.add_argument("--workers", type=_count, default=1, metavar="N", help="number of worker processes (default: 1)")


def _add_ingest(commands: Commands) -> None:
    ingest = commands.add_parser(
        "ingest",
        help="read dbt artifacts into an archive",
        description="Read new and changed runs from a folder, or from a tar or zip file, into an archive.",
    )
    ingest.add_argument("folder", type=Path, metavar="DIR", help=f"{_FOLDER_HELP}; or a tar or zip of it")
    ingest.add_argument("--store", required=True, metavar="URL", help=_STORE_HELP)
    ingest.add_argument(
        "--watch",
        type=_seconds,
        metavar="SECONDS",
        help="keep running, and check for new runs every SECONDS until interrupted",
    )
    ingest.add_argument("--keep-days", type=_kept, metavar="N", help="then delete runs older than N days")
    ingest.add_argument(
        "--keep-runs", type=_kept, metavar="N", help="then delete all but the newest N runs of each job"
    )
    ingest.add_argument(
        "--no-raw",
        dest="keep_raw",
        action="store_false",
        help="do not store the files: the archive is smaller, but the Admin API cannot send artifacts after DIR is "
        "deleted",
    )
    _add_given_facts(ingest)


def _add_exec(commands: Commands) -> None:
    wrapped = commands.add_parser(
        "exec",
        help="run dbt and read its artifacts into an archive",
        usage="gateway exec [options] -- dbt build …",
        description="Run a command, pass signals on to it, read the dbt artifacts that it wrote into an archive, "
        "also if it fails, and exit with its exit code. Errors while reading are printed on stderr and do not change "
        "the exit code.",
    )
    wrapped.add_argument("--store", metavar="URL", help=f"{_STORE_HELP} (default: GATEWAY_STORE_URL)")
    wrapped.add_argument(
        "--target-path",
        type=Path,
        metavar="DIR",
        help="where dbt writes (default: as --target-path and --project-dir of the command, or DBT_TARGET_PATH and "
        "DBT_PROJECT_DIR, say; else target)",
    )
    wrapped.add_argument(
        "--no-raw", dest="keep_raw", action="store_false", help="do not store the files, as ingest --no-raw"
    )
    _add_given_facts(wrapped)
    wrapped.add_argument("program", nargs=argparse.REMAINDER, metavar="-- COMMAND", help="the command and its options")


def _add_given_facts(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--job", type=_name, metavar="NAME", help="the job of runs that have no run.json")
    parser.add_argument(
        "--run",
        type=_name,
        metavar="ID",
        help="the run that all commands without a run.json belong to, as its steps: a number, or any text",
    )
    parser.add_argument("--environment", type=_name, metavar="NAME", help="their environment (default: the dbt target)")
    parser.add_argument(
        "--project",
        type=_name,
        metavar="NAME",
        help="the project, for manifests without a project name (before dbt 1.4)",
    )
    parser.add_argument(
        "--ignore",
        type=_commands,
        default=frozenset(),
        metavar="COMMANDS",
        help=f"commands to skip, e.g. docs,compile; any of {', '.join(COMMANDS)}",
    )


def _add_mcp(commands: Commands) -> None:
    agents = commands.add_parser(
        "mcp",
        help="answer agents over stdin and stdout (Model Context Protocol)",
        description="Answer agents over standard input and output by the Model Context Protocol: slowest models, "
        "failed runs, why a run was slow and more, over dbt Cloud, a folder of dbt artifacts, an archive or the demo. "
        "A gateway that serves does the same at /mcp with GATEWAY_MCP=true.",
    )
    source = agents.add_mutually_exclusive_group()
    source.add_argument("--artifacts", type=Path, metavar="DIR", help=_FOLDER_HELP)
    source.add_argument("--store", metavar="URL", help=_STORE_HELP)


def _add_platform(commands: Commands) -> None:
    platform = commands.add_parser(
        "platform",
        help="serve dbt's own APIs over local runs",
        description="Serve dbt's Discovery and Admin APIs over local runs, for programs written against dbt Cloud.",
    )
    _add_address(platform, 8001)
    _add_source(platform)
    platform.add_argument(
        "--token",
        metavar="TOKEN",
        help="token that clients must send. Visible in the process list: prefer GATEWAY_PLATFORM_TOKEN",
    )
    platform.add_argument(
        "--faults",
        nargs="?",
        const="",
        metavar="SWITCHES",
        help="faults to apply to every request; also lets requests ask for faults by header. For tests of clients",
    )


def _add_mirror(commands: Commands) -> None:
    mirror = commands.add_parser(
        "mirror",
        help="copy dbt Cloud's finished runs into an archive",
        description="Copy every finished run of the dbt Cloud account of the settings into an archive, with the "
        "artifacts of its commands: the newest first, back as far as dbt keeps them. Runs that are there already are "
        "not read again; after an interruption the next call continues. serve --mirror does the same.",
    )
    mirror.add_argument("--store", metavar="URL", help=f"{_STORE_HELP} (default: GATEWAY_ARCHIVE_URL)")
    mirror.add_argument(
        "--watch", type=_seconds, metavar="SECONDS", help="keep running, and check for finished runs every SECONDS"
    )
    mirror.add_argument("--until-stdin-closes", action="store_true", help=argparse.SUPPRESS)
    mirror.add_argument(
        "--again",
        action="store_true",
        help="read runs again that were stored in part or from Discovery, for example after the token gets more "
        "permissions",
    )
    mirror.add_argument("--days", type=_kept, metavar="N", help="go back N days (default: GATEWAY_MIRROR_DAYS, 365)")
    mirror.add_argument(
        "--no-raw", dest="keep_raw", action="store_false", help="do not store the files, as ingest --no-raw"
    )


def _add_alerts(commands: Commands) -> None:
    alerts = commands.add_parser(
        "alerts",
        help="send alerts by the rules of the configuration",
        description="Look at the rules in the table [alerts] of the configuration file, and send a message about each "
        "new incident, and about each one that is over, to webhooks, Slack, Teams, PagerDuty or by e-mail. The archive "
        "remembers what was sent. Exit code 1 where a rule could not be looked at, or a message not be sent yet.",
    )
    source = alerts.add_mutually_exclusive_group()
    source.add_argument(
        "--store", metavar="URL", help=f"{_STORE_HELP} (default: GATEWAY_STORE_URL, or GATEWAY_ARCHIVE_URL)"
    )
    source.add_argument("--artifacts", type=Path, metavar="DIR", help=f"{_FOLDER_HELP}; for --dry-run")
    how = alerts.add_mutually_exclusive_group()
    how.add_argument("--once", action="store_true", help="check once, send due messages, and exit (the default)")
    how.add_argument(
        "--watch",
        type=_seconds,
        nargs="?",
        const=0,
        metavar="SECONDS",
        help="keep running, and check every SECONDS (default: interval in [alerts], 60)",
    )
    how.add_argument("--dry-run", action="store_true", help="print what would be sent; nothing is sent or kept")
    alerts.add_argument("--until-stdin-closes", action="store_true", help=argparse.SUPPRESS)


def _add_archive(commands: Commands) -> None:
    archive = commands.add_parser("archive", help="maintain an archive", description="Maintain an archive of runs.")
    actions = archive.add_subparsers(metavar="ACTION", dest="action", required=True)
    rebuild = actions.add_parser(
        "rebuild-rollups",
        help="recompute the roll-ups",
        description="Recompute the roll-ups of an archive (the last runs of each model, its figures by day and month) "
        "from its results, in one transaction, and look for lasting changes in all series of runtimes. They are "
        "written with every run, so this is needed only after damage, or when another program has changed results. "
        "Readers see the old ones until it is done; writers wait.",
    )
    rebuild.add_argument("--store", required=True, metavar="URL", help=_STORE_HELP)
    compact = actions.add_parser(
        "compact",
        help="move the results of past months to Parquet files",
        description="Write the results of each environment's past months to a Parquet file a month, and delete them "
        "from the archive's tables. Questions go on to see them. Runs that arrive late for such a month are folded in "
        "the next time. Needs the extra `columnar`, here and wherever the archive is asked (docs/scale.md).",
    )
    compact.add_argument("--store", required=True, metavar="URL", help=_STORE_HELP)
    compact.add_argument(
        "--to",
        type=Path,
        metavar="DIR",
        help="the folder for the files, which the archive remembers (default: the one that it knows; for SQLite one "
        "beside it, FILE-columnar)",
    )
    compact.add_argument(
        "--keep-months",
        type=_months,
        default=2,
        metavar="N",
        help="whole months before the current one that stay in the tables (default: 2)",
    )


def _add_export(commands: Commands) -> None:
    export = commands.add_parser(
        "export",
        help="write an archive as Parquet or CSV files",
        description="Write the runs, results of nodes, commands, models, jobs and change points of an archive as "
        "files, one per environment and month. Files whose content has not changed are not written again. "
        "docs/export.md lists the columns.",
    )
    export.add_argument("--store", required=True, metavar="URL", help=_STORE_HELP)
    export.add_argument("--to", required=True, metavar="DIR", help="a folder that is new, empty or an earlier export")
    export.add_argument(
        "--format",
        choices=("parquet", "csv"),
        default="parquet",
        help="parquet (the default; needs the extra dataframes) or csv",
    )


def _add_doctor(commands: Commands) -> None:
    doctor = commands.add_parser(
        "doctor",
        help="check access to a dbt Cloud account",
        description="Ask the dbt Cloud account of the settings for one of each thing the gateway needs, and print what "
        "works: addresses, what the token may read, projects and their environments, limits, history, clock, costs. "
        "Changes nothing and prints no secret. Exit code 1 where something is missing.",
    )
    doctor.add_argument("--json", action="store_true", help="print JSON, for programs and bug reports")


def _add_schema(commands: Commands) -> None:
    schema = commands.add_parser(
        "schema", help="print the GraphQL schema", description="Print the GraphQL schema, or compare a file with it."
    )
    schema.add_argument("--check", type=Path, metavar="FILE", help="compare FILE; exit code 1 when it differs")
    schema.add_argument(
        "--usage",
        action="append",
        default=[],
        metavar="FILE|URL",
        help="with --check: also name the clients that use what breaks, from the output of /usage; repeatable: counts "
        "are added",
    )
    schema.add_argument("--authenticated", action="store_true", help="mark entities @authenticated, for routers")


def _add_key(commands: Commands) -> None:
    key = commands.add_parser("key", help="make an API key", description="Manage API keys for callers of a gateway.")
    new = key.add_subparsers(metavar="ACTION", dest="action", required=True).add_parser(
        "new",
        help="make an API key",
        description="Make an API key: it is shown once, with the lines for the configuration file that let its holder "
        "in. Nothing is stored.",
    )
    new.add_argument("name", metavar="NAME", help="name of the holder, for logs")
    new.add_argument(
        "--project", action="append", metavar="P", help="a project that the holder may see (default: all); repeatable"
    )
    new.add_argument(
        "--environment",
        action="append",
        type=_environment,
        metavar="ID",
        help="an environment that the holder may see (default: all); repeatable",
    )
    new.add_argument(
        "--scope", action="append", choices=("introspection", "metrics"), help="additional permission; repeatable"
    )
    new.add_argument("--days", type=_kept, metavar="N", help="days until the key expires (default: never)")


def _add_completion(commands: Commands) -> None:
    completion = commands.add_parser(
        "completion",
        help="print a script that completes commands in a shell",
        description='Print a script that completes commands and options. bash: eval "$(gateway completion bash)"; zsh: '
        "source <(gateway completion zsh); fish: gateway completion fish | source.",
    )
    completion.add_argument("shell", choices=("bash", "zsh", "fish"), help="the shell that reads it")


def _add_address(parser: argparse.ArgumentParser, port: int) -> None:
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1, this machine)")
    parser.add_argument("--port", type=_port, default=port, help=f"port to listen on (default: {port}; 0: a free one)")


def _add_source(parser: argparse.ArgumentParser) -> None:
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--artifacts", type=Path, metavar="DIR", help=_FOLDER_HELP)
    source.add_argument("--store", metavar="URL", help=_STORE_HELP)
    parser.add_argument("--create", action="store_true", help="create the archive of --store if it does not exist")


def _name(text: str) -> str:
    name = text.strip()
    if not name or not name.isprintable():
        raise argparse.ArgumentTypeError(f"{text!a} is no name: it is a line of text that is not empty")
    return name


def _commands(text: str) -> frozenset[str]:
    words = frozenset(word.strip() for word in text.split(","))
    unknown = sorted(words - set(COMMANDS))
    if unknown:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(COMMANDS)}; separate them by commas")
    return words


def _port(text: str) -> int:
    return whole_number(text, 0, 65535, "a port")


def _count(text: str) -> int:
    return whole_number(text, 1, 64, "a number of workers")


def _seconds(text: str) -> int:
    return whole_number(text, 1, 86_400, "a number of seconds")


def _environment(text: str) -> int:
    return whole_number(text, 1, 999_999_999_999_999_999, "an environment's id")


def _months(text: str) -> int:
    return whole_number(text, 0, 1_200, "a number of months")


def _kept(text: str) -> int:
    return whole_number(text, 1, 999_999_999, "how many to keep")
