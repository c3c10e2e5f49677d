"""The documentation names what the code has: every code of an error, every command, every file it links to."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest
from graphql import build_schema, validate

from gateway.cli.options import build_parser
from gateway.errors import GatewayError, UpstreamError
from gateway.http.limits.query_limits import QueryLimits
from gateway.http.limits.variables import MOST_REFERENCES, MOST_VALUES
from gateway.http.request.documents import DocumentLimits, Documents
from gateway.schema.build import build_schema as build_executable_schema
from gateway.schema.build import print_sdl
from gateway.services.resilience.policy import BudgetPolicy, ResiliencePolicy
from gateway.settings import Settings

ROOT = Path(__file__).parents[1]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


ERRORS = (ROOT / "docs/errors.md").read_text("utf-8")


def kinds(failure: type[GatewayError] = GatewayError) -> set[type[GatewayError]]:
    """A failure and all its kinds, as far as they are loaded."""
    return {failure}.union(*(kinds(kind) for kind in failure.__subclasses__()))


def codes() -> set[str]:
    return {kind.code for kind in kinds()}


def test_every_code_of_an_error_is_explained() -> None:
    import_module("gateway.app")
    rows = re.findall(r"^\| `([A-Z_]+)` \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", ERRORS, re.MULTILINE)
    assert sorted(code for code, *_ in rows) == sorted(codes()), "each code has one row, and no other"
    for code, status, cause, cure in rows:
        assert cause.strip(), code
        assert cure.strip(), code
        assert set(re.findall(r"\d{3}", status)) <= {str(kind.http_status) for kind in kinds() if kind.code == code} | {
            "200"
        }, code


def test_what_may_pass_is_told_apart_from_what_is_an_answer() -> None:
    import_module("gateway.app")
    codes_in_order = re.findall(r"^\| `(UPSTREAM_[A-Z_]+)`", ERRORS, re.MULTILINE)
    lasting = {kind.code for kind in kinds(UpstreamError) if not kind.transient}
    assert set(codes_in_order[-len(lasting) :]) == lasting
    assert len(lasting) == 5


def test_the_resilience_policy_is_documented_as_it_is() -> None:
    page = " ".join((ROOT / "docs/upstream-discipline.md").read_text("utf-8").split())
    discovery, admin = Settings(discovery_url="https://dbt.invalid/graphql").rates
    rate, other = BudgetPolicy(discovery), BudgetPolicy(admin)
    policy = ResiliencePolicy()
    retries, breaker = policy.retries, policy.breaker
    for said in (
        f"{discovery} requests a minute, {rate.burst:.0f} of them at once; {admin:,} and {other.burst:.0f} to",
        f"A process that begins has {rate.start:.0f} only",
        f"else {rate.cooldown:.0f} s",
        f"at most {retries.most}, after {retries.pause} s and {2 * retries.pause} s",
        f"at most {retries.share * 100:.0f} % of the calls of {retries.window:.0f} s, {retries.always} always",
        f"at least {breaker.calls} calls within {breaker.window:.0f} s failed",
        f"for {breaker.open_seconds:.0f} s; then one call probes",
        f"less than {policy.patience:.0f} s",
        f"less {policy.margin} s",
    ):
        assert said in page, said
    assert breaker.share == 0.5


def test_the_limits_are_documented_as_they_are() -> None:
    page = (ROOT / "docs/edge.md").read_text("utf-8")
    document, gate = DocumentLimits(), QueryLimits()
    rows = {
        "characters, tokens, comments": (document.characters, document.tokens, document.comments),
        "depth": (gate.depth,),
        "fields, root fields": (gate.fields, gate.root_fields),
        "aliases, directives": (gate.aliases, gate.directives),
        "arguments": (gate.arguments,),
        "operations, fragments": (gate.operations, gate.fragments),
        "values, references": (MOST_VALUES, MOST_REFERENCES),
    }
    for name, figures in rows.items():
        assert f"| {name} | {' · '.join(f'{figure:,}' for figure in figures)} |" in page


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text("utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def anchors(page: Path) -> set[str]:
    """The names by which a page's headings can be linked, as GitHub makes them."""
    headings = re.findall(
        r"^#+ (.+)$", re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL), re.MULTILINE
    )
    plain = (re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", heading) for heading in headings)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_a_heading(page: Path) -> None:
    for target, anchor in re.findall(r"\]\(([^)#\s]*)#([^)]+)\)", page.read_text("utf-8")):
        if "://" not in target:
            there = page.parent / target if target else page
            assert there.suffix != ".md" or anchor in anchors(there), f"{target}#{anchor}"


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs/index.md").read_text("utf-8")
    pages = {page.name for page in (ROOT / "docs").glob("*.md")} - {"index.md"}
    assert pages == set(re.findall(r"^\| \[[^\]]+\]\(([\w-]+\.md)\)", index, re.MULTILINE))


FILES = {
    path.relative_to(ROOT).as_posix() for top in ("gateway", "tests", "benchmarks") for path in (ROOT / top).rglob("*")
}
# What is built at installation stands in no checkout.
BUILT = {line.strip("/") for line in (ROOT / ".gitignore").read_text("utf-8").splitlines()}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_is_named_exists(page: Path) -> None:
    """`name.py` may stand alone; a path begins at the top, in `gateway`, or in a folder of it."""
    if page.name == "CHANGELOG.md":
        return
    named = re.findall(
        r"(?:[\w-]+/)*\w+\.py\b|(?<![\w/-])(?:gateway|tests|benchmarks)/[\w/.-]*\w", page.read_text("utf-8")
    )
    missing = {
        name
        for name in named
        if name not in BUILT
        and not (ROOT / name).exists()
        and not any(f"/{path}".endswith(f"/{name}") for path in FILES)
    }
    assert not missing, f"{page.name} names files that do not exist: {missing}"


def test_commands_of_the_readme_are_understood() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    commands = re.findall(r"^\$ gateway (.+)$", text, re.MULTILINE)
    assert len(commands) >= 4
    for command in commands:
        build_parser().parse_args(command.split())


@pytest.mark.slow
def test_queries_of_the_readme_are_valid_and_within_the_limits() -> None:
    queries = re.findall(r"```graphql\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    assert len(queries) >= 4
    schema = build_schema(print_sdl(build_executable_schema()), assume_valid_sdl=True)
    for query in queries:
        assert validate(schema, Documents(DocumentLimits()).read(query).ast) == []
