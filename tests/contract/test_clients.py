"""Apollo Client, urql's graphcache and Relay, configured as docs/clients.md says, on pages that switch environment and
filter: what each shows, and has in its cache afterwards, is what the server said."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.federation.programs import running
from tests.node import install_packages, node

pytestmark = pytest.mark.external

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PAGE = (ROOT / "docs/clients.md").read_text("utf-8")
FILES = {"Apollo Client": "apollo.mjs", "urql": "urql.mjs", "Relay": "relay.mjs", "graphql-codegen": "codegen.mjs"}
SECONDS = 120

MODEL = "id __typename runtime relationName lastRunStatus project { id __typename environment } "
MODEL += "meta lastSuccess { id __typename startTime } "
MODEL += "tests { id __typename status } runs(first: 2) { nodes { id __typename runtime } }"
ACCOUNT = (
    "id __typename environment slowestModels(first: 3) { rank runtime model { id __typename runtime } } "
    "models(first: 5) { totalCount nodes { id __typename runtime } } "
    "sources(first: 2) { nodes { id __typename freshness { status ageSeconds } } } "
    "longestRunningJobs(first: 1) { rank job { id __typename name lastRun { id __typename status } } }"
)
QUERIES = {
    "PagesModelQuery": "query PagesModelQuery($environment: DeploymentEnvironment) { "
    f'model(id: "finance.fct_invoices", environment: $environment) {{ {MODEL} }} }}',
    "PagesModelByIdQuery": f"query PagesModelByIdQuery($id: ID!) {{ model(id: $id) {{ {MODEL} }} }}",
    "PagesAccountQuery": "query PagesAccountQuery($environment: DeploymentEnvironment, $filter: ProjectFilter) { "
    f"account(environment: $environment, filter: $filter) {{ {ACCOUNT} }} }}",
    "PagesBothQuery": "query PagesBothQuery { "
    f'production: model(id: "finance.fct_invoices") {{ {MODEL} }} '
    f'staging: model(id: "finance.fct_invoices", environment: STAGING) {{ {MODEL} }} }}',
    # dbt numbers jobs and runs apart: one of each may have the same id.
    "PagesJobQuery": "query PagesJobQuery "
    '{ job(id: "301001") { id __typename name lastRun { id __typename status } } }',
}


def asked(name: str, **variables: Any) -> dict[str, Any]:
    return {"name": name, "query": QUERIES[name], "variables": variables}


QUESTIONS = [
    asked("PagesModelQuery", environment="PRODUCTION"),
    asked("PagesModelQuery", environment="STAGING"),
    asked("PagesModelQuery", environment="PRODUCTION"),
    asked("PagesBothQuery"),
    asked("PagesModelByIdQuery", id="finance@201002.fct_invoices"),
    asked("PagesModelByIdQuery", id="finance.fct_invoices"),
    *(
        asked("PagesAccountQuery", environment=environment, filter=criteria)
        for environment in ("PRODUCTION", "STAGING")
        for criteria in (None, {"projectIds": ["finance"]})
    ),
    asked("PagesAccountQuery", environment="PRODUCTION", filter={"projectIds": ["marketing"]}),
    asked("PagesAccountQuery", environment="PRODUCTION", filter={"projectIds": ["finance"]}),
    asked("PagesJobQuery"),
]


@pytest.fixture(scope="module")
def packages() -> None:
    """The clients of package-lock.json."""
    install_packages(HERE)


@pytest.fixture(scope="module")
def folder(packages: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The configurations of the page as files, beside the packages they import."""
    where = tmp_path_factory.mktemp("clients")
    (where / "node_modules").symlink_to(HERE / "node_modules")
    (where / "package.json").write_text('{"type": "module"}')
    sections = re.split(r"^## ", PAGE, flags=re.MULTILINE)
    for name, file in FILES.items():
        section = next(one for one in sections if one.startswith(f"{name}\n"))
        (block,) = re.findall(r"```js\n(.*?)```", section, re.DOTALL)
        (where / file).write_text(block)
    return where


def run(*command: str, where: Path, given: str = "") -> str:
    done = subprocess.run(command, cwd=where, input=given, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stdout[-3_000:] + done.stderr[-3_000:]
    return done.stdout


def program(name: str) -> tuple[str, str]:
    """A program of the packages, by the interpreter that runs it."""
    return str(node()), str((HERE / "node_modules" / ".bin" / name).resolve())


@pytest.fixture(scope="module")
def sdl(folder: Path) -> Path:
    """The schema as a client sees it, without what is for routers."""
    script = (
        "import {readFileSync, writeFileSync} from 'node:fs';"
        "import {buildSchema, printSchema, buildClientSchema, introspectionFromSchema} from 'graphql';"
        "const schema = buildSchema(readFileSync(process.argv[1], 'utf8'), {assumeValidSDL: true});"
        "writeFileSync('client.graphql', printSchema(buildClientSchema(introspectionFromSchema(schema))));"
    )
    run(str(node()), "--input-type=module", "-e", script, str(ROOT / "schema.graphql"), where=folder)
    return folder / "client.graphql"


@pytest.fixture(scope="module")
def compiled(folder: Path, sdl: Path) -> Path:
    """Relay's artifacts of the questions."""
    tags = "\n".join(f"export const {name} = graphql`{query}`;" for name, query in QUERIES.items())
    (folder / "src").mkdir()
    (folder / "src" / "Pages.js").write_text(f"import {{ graphql }} from 'relay-runtime';\n{tags}\n")
    config = {"src": "./src", "language": "javascript", "schema": "client.graphql", "eagerEsModules": True}
    config["artifactDirectory"] = "./__generated__"
    (folder / "__generated__").mkdir()
    (folder / "relay.config.json").write_text(json.dumps(config))
    run(*program("relay-compiler"), "relay.config.json", where=folder)
    return folder


@pytest.fixture(scope="module")
def url(demo_store: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    command = (sys.executable, "-m", "gateway", "serve", "--port", "0", "--store", demo_store)
    with running(tmp_path_factory.mktemp("gateway"), "GraphQL", *command) as address:
        yield address


def without_types(found: Any) -> Any:
    """An answer without the type names, which clients ask for in more places than the pages do."""
    if isinstance(found, list):
        return [without_types(one) for one in found]
    if isinstance(found, dict):
        return {name: without_types(one) for name, one in found.items() if name != "__typename"}
    return found


@pytest.mark.slow
@pytest.mark.parametrize("client", ["apollo", "urql", "relay"])
def test_a_page_that_switches_environment_and_filter_shows_what_the_server_says(
    folder: Path, compiled: Path, url: str, client: str
) -> None:
    told = json.loads(
        run(str(node()), str(HERE / "pages.mjs"), client, url, str(folder), where=HERE, given=json.dumps(QUESTIONS))
    )
    assert told["warnings"] == []
    for question, shown in zip(QUESTIONS, told["shown"], strict=True):
        expected = without_types(shown["server"])
        assert without_types(shown["client"]) == expected, question
        assert without_types(shown["cached"]) == expected, question
    production, staging = told["shown"][0]["server"]["model"], told["shown"][1]["server"]["model"]
    assert production["runtime"] != staging["runtime"], "the pages differ where the environments do"


@pytest.mark.slow
def test_generated_types_name_every_scalar_and_pass_the_compiler(folder: Path, sdl: Path) -> None:
    (folder / "schema.graphql").write_text(sdl.read_text())
    pages = folder / "pages"
    pages.mkdir()
    for name, query in QUERIES.items():
        (pages / f"{name}.graphql").write_text(query)
    run(*program("graphql-codegen"), "--config", "codegen.mjs", where=folder)
    use = "import type { PagesModelQueryQuery } from './generated/graphql.ts';\n"
    use += "export const seconds = (page: PagesModelQueryQuery): number | null | undefined => page.model?.runtime;\n"
    (folder / "use.ts").write_text(use)
    options = ["--strict", "--noEmit", "--skipLibCheck", "--module", "nodenext", "--allowImportingTsExtensions"]
    run(*program("tsc"), *options, "use.ts", "generated/graphql.ts", where=folder)
    types = (folder / "generated" / "graphql.ts").read_text()
    assert re.search(r"startTime\??: string \| null", types)
    assert re.search(r"meta\??: unknown", types)
