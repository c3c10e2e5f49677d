"""Makes the demo account again by really running dbt, and packs it for the package. Takes about twenty minutes.

    make demo          # or, in an environment with dbt-core 1.11.16, dbt-duckdb 1.11.1 and Debian's faketime:
    python -m demo.build [--only finance] [--keep] [--limit N] [--real-clock] [--pack FILE]

Artifacts are kept byte for byte as dbt wrote them; run.json and account.json tell what only an orchestrator knows. The
exception is demo/reuse.py: two runs are edited, since dbt Core cannot reuse what stands. The clock of the storefront's
runs goes twenty times as fast as ours, so that a model of a third of a second takes six.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from demo.account import ACCOUNT_ID, ACCOUNT_NAME, ENVIRONMENTS, JOBS, PROJECT_IDS, planned_runs
from demo.dbt_runs import Bench, MadeRun, make_run

PACK = Path(__file__).parents[1] / "gateway/ingest/demo/runs.tar.xz"
FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")


def main() -> None:
    """Reads the command line, makes the runs and packs them."""
    parser = argparse.ArgumentParser(prog="python -m demo.build", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", choices=sorted(PROJECT_IDS), help="make the runs of one project")
    parser.add_argument("--keep", action="store_true", help="keep the other runs of the file that is written")
    parser.add_argument("--limit", type=int, help="stop after so many runs")
    parser.add_argument(
        "--real-clock", action="store_true", help="do without faketime; ages of sources mean nothing then"
    )
    parser.add_argument("--pack", type=Path, default=PACK, help="the file to write")
    given = parser.parse_args()
    if not given.real_clock and not FAKETIME.exists():
        parser.error(f"{FAKETIME} is missing: apt-get install faketime, or say --real-clock.")
    with tempfile.TemporaryDirectory(prefix="harbor-") as folder:
        work = Path(folder)
        faketime = None if given.real_clock else FAKETIME
        bench = Bench(Path(sys.executable).with_name("dbt"), work / "work", work / "runs", faketime)
        if given.keep:
            unpack(given.pack, work)
        make_account(bench, given.only, given.limit)
        pack(bench.out, given.pack)


def make_account(bench: Bench, only: str | None, limit: int | None) -> None:
    """Makes the runs in the order of time, and account.json."""
    made: dict[int, MadeRun] = {}
    wanted = [run for run in planned_runs() if only in (None, run.job.environment.project)][:limit]
    for number, run in enumerate(wanted, start=1):
        made[run.job.id] = make_run(bench, run, made.get(run.job.id))
        status = made[run.job.id].record["status_humanized"]
        place = f"{run.job.environment.project:9} {run.job.name:22}"
        sys.stdout.write(f"{number:3}/{len(wanted)} {run.queued_at:%m-%d %H:%M} {place} {status}\n")
        sys.stdout.flush()
    (bench.out / "account.json").write_text(json.dumps(account(), indent=1))


def account() -> dict[str, Any]:
    """The content of account.json."""
    return {
        "account": {"id": ACCOUNT_ID, "name": ACCOUNT_NAME},
        "projects": [{"id": number, "name": name} for name, number in PROJECT_IDS.items()],
        "environments": [
            {
                "id": place.id,
                "project_id": PROJECT_IDS[place.project],
                "name": place.name,
                "type": "deployment",
                "deployment_type": place.deployment_type,
                "target": place.target,
            }
            for place in ENVIRONMENTS
        ],
        "jobs": [
            {
                "id": job.id,
                "name": job.name,
                "environment_id": job.environment.id,
                "project_id": PROJECT_IDS[job.environment.project],
                "execute_steps": job.steps,
                "schedule": {"cron": job.cron} if job.cron else None,
                "job_type": "scheduled" if job.cron else "ci",
            }
            for job in JOBS.values()
        ],
    }


def pack(runs: Path, into: Path) -> None:
    """Packs the folder as `runs/…`, without owners, so that the file tells nothing of who made it."""
    unfinished = into.with_suffix(".new")
    with tarfile.open(unfinished, "w:xz", preset=9) as tar:
        tar.add(runs, "runs", filter=_anonymous)
    shutil.move(unfinished, into)
    sys.stdout.write(f"{into}: {into.stat().st_size / 1024:.0f} kB\n")


def unpack(packed: Path, into: Path) -> None:
    """Lays the runs of such a file below a folder."""
    with tarfile.open(packed) as tar:
        tar.extractall(into, filter="data")


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


if __name__ == "__main__":
    main()
