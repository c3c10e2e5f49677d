"""What lasting changes, flaky resources and incidents cost at scale: `python -m benchmarks.findings [MODELS] [RUNS]`.

One project, one daily job that builds all models. 8 % of the models get slower at a run of their own, 5 % fail now and
then, 1 % at every third run. Prints CPU: of reading the runs, of one more run (goal: 2 s beyond storing it, for 2,000
models), and of the questions over HTTP, cold (nothing read yet) and warm (facts in memory, the least of nine). Goal for
`regressions`: 20 ms warm at 100,000 models.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from gateway.archive.archive import Archive
from gateway.archive.changes_upkeep import look_at_everything
from gateway.ingest.folders import ingest_folder
from gateway.settings import Settings
from tests.archive.written_runs import DAILY, Command, write_account, write_run
from tests.serving import Gateway, serving

ROUNDS = 9
# A result of a real run takes half a kilobyte or more; a file of very small ones is refused.
_RESPONSE = {"_message": "SUCCESS 1", "code": "SUCCESS", "query_id": "0" * 300}
QUESTIONS = {
    "regressions": "{ account { regressions(first: 10) { totalCount nodes { secondsPerDay model { id } } } } }",
    "regressions with causes": "{ account { regressions(first: 10) { nodes { id cause evidence } } } }",
    "flaky": "{ account { flaky { uniqueId rate } } }",
    "incidents": "{ account { incidents(first: 10) { totalCount medianRepairSeconds nodes { uniqueId } } } }",
}


class Growing:
    """A folder of runs and the archive that they are read into."""

    def __init__(self, place: Path, models: int, runs: int) -> None:
        self.folder, self.url = place / "account", f"sqlite:///{place / 'runs.db'}"
        self.archive = Archive.open(self.url)
        self._names = [f"model.shop.m{n:06d}" for n in range(models)]
        self._chance = Random(20)
        self._begin = datetime.now(UTC) - timedelta(days=runs + 1)
        self._steps = {name: self._chance.randint(10, runs - 10) for name in self._names[::12]}
        self._manifest = place / "manifest.json"
        self._write_manifest()
        write_account(self.folder, {DAILY: "scheduled"})

    def write(self, run: int) -> None:
        """The run of a day, from 0."""
        results = {name: self._result(n, name, run) for n, name in enumerate(self._names)}
        command = Command(self._begin + timedelta(days=run), results, adapter=_RESPONSE)
        folder = write_run(self.folder, run + 1, DAILY, [command])
        (folder / "step_1" / "manifest.json").unlink()
        (folder / "step_1" / "manifest.json").hardlink_to(self._manifest)

    def read(self) -> float:
        """Reads what is new; returns the seconds of CPU."""
        began = time.process_time()
        report = ingest_folder(self.archive, self.folder, keep_raw=False)
        if report.problems:
            raise SystemExit(f"A run could not be read: {report.problems[0].reason}")
        return time.process_time() - began

    def _result(self, n: int, name: str, run: int) -> tuple[str | None, float | None]:
        failed = (n % 100 == 0 and run % 3 == 0) or (n % 20 == 1 and self._chance.random() < 0.05)
        seconds = 30 * self._chance.lognormvariate(0, 0.2) * (2 if run >= self._steps.get(name, 10**9) else 1)
        return ("error" if failed else "success", round(seconds, 3))

    def _write_manifest(self) -> None:
        nodes = {
            name: {
                "unique_id": name,
                "name": name.rpartition(".")[2],
                "resource_type": "model",
                "package_name": "shop",
                "config": {"materialized": "table"},
                "raw_code": f"select '{name}'",
                "depends_on": {"nodes": [self._names[n - 1]] if n % 10 else []},
            }
            for n, name in enumerate(self._names)
        }
        head = {
            "dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v12.json",
            "dbt_version": "1.11.16",
            "generated_at": self._begin.isoformat(),
            "project_name": "shop",
            "adapter_type": "duckdb",
        }
        self._manifest.write_text(json.dumps({"metadata": head, "nodes": nodes, "sources": {}}))


async def ask(gateway: Gateway, query: str) -> float:
    """Milliseconds of CPU for an answer without errors. The blank keeps a finished answer from being sent again."""
    began = time.process_time()
    reply = await gateway.ask(query)
    taken = (time.process_time() - began) * 1000
    if reply.errors:
        raise SystemExit(f"{query} was answered with {reply.errors}")
    return taken


async def questions(url: str) -> Mapping[str, tuple[float, float]]:
    """Of each question what it costs cold and warm."""
    measured = {}
    for name, query in QUESTIONS.items():
        async with serving(Settings(store_url=url, history_source="archive")) as gateway:
            cold = await ask(gateway, query)
            warm = [await ask(gateway, query.replace("{ account", f"{{ account{' ' * (n + 2)}")) for n in range(ROUNDS)]
        measured[name] = (cold, min(warm))
    return measured


def run(models: int, runs: int) -> None:
    """Prints the figures."""
    with tempfile.TemporaryDirectory(prefix="findings-") as made:
        account = Growing(Path(made), models, runs)
        for number in range(runs):
            account.write(number)
        taken = account.read()
        print(f"{models:,} models, {runs} runs", flush=True)
        print(f"  reading them: {taken * 1e6 / (models * runs):.0f} ms of CPU for 1,000 results", flush=True)
        began = time.process_time()
        series = look_at_everything(account.archive)
        print(f"  {series:,} series for the first time: {time.process_time() - began:.1f} s", flush=True)
        account.write(runs)
        print(f"  one more run: {account.read():.2f} s of CPU, its storing included", flush=True)
        account.archive.close()
        for name, (cold, warm) in asyncio.run(questions(account.url)).items():
            print(f"  {name:<24} cold {cold:8.0f} ms, warm {warm:6.1f} ms", flush=True)


if __name__ == "__main__":
    arguments = [int(one) for one in sys.argv[1:]]
    run(*(arguments or [2000]), *([] if len(arguments) > 1 else [100]))
