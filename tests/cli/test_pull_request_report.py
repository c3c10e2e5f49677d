"""`gateway report`: figures by hand over small target folders, and one comment on a stand-in of GitHub and GitLab."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from gateway.cli import run as run_command
from gateway.cli.options import build_parser
from gateway.cli.pull_request_comments import comment_body, comment_place, post_comment
from gateway.discovery_api.api import dbtAccount
from gateway.discovery_api.pull_requests import compare_builds
from gateway.errors import GatewayError, UpstreamUnavailable
from tests.alerts.stand_ins import Request, closed_port, http_stand_in
from tests.archive.small_target import NOON
from tests.cli.pull_request_targets import Node, write_build
from tests.conftest import stored

pytestmark = pytest.mark.slow

PAGE = Path(__file__).parents[2] / "docs/pull-requests.md"
TOMORROW = NOON + timedelta(days=1)
TOKEN = "ghs_of_the_test_0123456789"

STG_ORDERS = Node("stg_orders", 2.0)
STG_CUSTOMERS = Node("stg_customers", 5.0)
ORDERS = Node("orders", 4.0, ("stg_orders",))
CUSTOMERS = Node("customers", 1.5, ("stg_customers",))
OLD_REPORT = Node("old_report", 3.0, ("orders",))
UNIQUE = Node("test.shop.unique_orders", 0.5, ("orders",), status="pass")
BROKEN = Node("test.shop.broken", 0.5, ("customers",), status="fail", message="Got 2 results")
BASE = (STG_ORDERS, STG_CUSTOMERS, ORDERS, CUSTOMERS, OLD_REPORT, UNIQUE, BROKEN)

# The branch makes orders slower, adds sales, drops old_report and breaks a test; another was broken before.
HEAD = (
    STG_ORDERS,
    replace(STG_CUSTOMERS, seconds=5.5),
    replace(ORDERS, seconds=10.0, code="select 2"),
    CUSTOMERS,
    Node("sales", 2.5, ("orders",), code="select 3"),
    replace(UNIQUE, status="fail", message="Got 7 results, @team | <b>"),
    BROKEN,
)


@dataclass(frozen=True)
class Done:
    """A finished command."""

    returncode: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        return json.loads(self.stdout)


Report = Callable[..., Done]


@pytest.fixture
def report(capsys: pytest.CaptureFixture[str]) -> Report:
    def run(*arguments: object) -> Done:
        code = run_command(build_parser().parse_args(["report", *map(str, arguments)]))
        return Done(code, *capsys.readouterr())

    return run


@pytest.fixture
def targets(tmp_path: Path) -> tuple[Path, Path]:
    """A folder of the baseline, and one of the branch."""
    return (
        write_build(tmp_path / "base", "base", BASE),
        write_build(tmp_path / "head", "head", HEAD, ended=TOMORROW, environment="ci"),
    )


def history(tmp_path: Path, orders: Sequence[float]) -> str:
    """An archive of a run a day, in which orders took so long; its address."""
    for day, seconds in enumerate(orders):
        nodes = (STG_ORDERS, STG_CUSTOMERS, replace(ORDERS, seconds=seconds), CUSTOMERS)
        write_build(tmp_path / f"runs/{day}", f"run {day}", nodes, ended=NOON - timedelta(days=len(orders) - day))
    (tmp_path / "store").mkdir()
    return stored(tmp_path / "runs", tmp_path / "store")


def test_what_a_branch_changes_against_a_folder(
    report: Report, targets: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWAY_COST_PER_HOUR", "3600")  # 1 a second, and nothing runs beside another
    done = report("--base", targets[0], "--head", targets[1], "--json")
    shown = done.json
    assert (done.returncode, done.stderr) == (0, "")
    took = {row["what"]: (row["before_seconds"], row["after_seconds"], row["verdict"]) for row in shown["run_time"]}
    assert took == {
        "changed models": (4 + 3, 10 + 2.5, "slower"),
        "critical path": (2 + 4 + 3, 2 + 10 + 2.5, "slower"),
        "whole run": (16.5, 22.5, "slower"),
    }
    orders, sales = shown["changed_models"]
    assert (orders["model"], orders["difference_seconds"], orders["difference_percent"]) == (
        *("model.shop.orders", 6.0),
        150.0,
    )
    assert (orders["cost_before"], orders["cost_after"], orders["cost_difference"]) == (4, 10, 6)
    assert (orders["noise_seconds"], orders["verdict"]) == (None, "slower")
    assert (sales["model"], sales["before_seconds"], sales["after_seconds"], sales["verdict"]) == (
        *("model.shop.sales", None),
        *(2.5, "new"),
    )
    assert [(row["resource"], row["type"]) for row in shown["new_failures"]] == [("test.shop.unique_orders", "test")]
    assert shown["new_on_the_critical_path"] == [{"model": "model.shop.sales"}]
    assert shown["models_added"] == [{"model": "model.shop.sales"}]
    assert shown["models_removed"] == [{"model": "model.shop.old_report"}]
    assert (shown["project"], shown["models_built"]) == ("shop", 5)
    assert (shown["cost_before"], shown["cost_after"]) == (16.5, 22.5)
    assert "fewer than 5 runs" in shown["notes"][0]


def test_the_report_is_markdown_that_stands_by_itself(
    report: Report, targets: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = report("--base", targets[0], "--head", targets[1]).stdout
    assert f"```markdown\n{text}```" in PAGE.read_text("utf-8")
    assert "| model.shop.orders | 4.00 s | 10.00 s | +6.00 s | +150.00 % | – | slower |" in text
    assert "| test.shop.unique_orders | test | Got 7 results, @team \\| \\<b\\> |" in text
    assert text.rstrip().endswith("runs of these models.")
    monkeypatch.setenv("GATEWAY_COST_PER_HOUR", "0.72")
    short = report("--base", targets[0], "--head", targets[1], "--first", "1").stdout
    assert "model.shop.sales | –" not in short
    assert "+150.00 % | – | slower | 0.0008 | 0.0020 | +0.0012 |" in short
    assert "- cost of the baseline's run: 0.0033 USD\n- cost of the pull request's run: 0.0045 USD\n" in short
    assert "raise --first, up to 2" in short


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        pytest.param("5.5", "", marks=pytest.mark.nightly),
        pytest.param("5.4", "5.50 s, more than 5.4 s", marks=pytest.mark.nightly),
        ("149%", "150.00 %, more"),
    ],
    ids=["5.5", "5.4", "149%"],
)
def test_a_limit_is_about_the_changed_models(report: Report, targets: tuple[Path, Path], limit: str, said: str) -> None:
    """+6 of orders, +2.5 of sales, -3 of old_report; in percent only orders, which both have."""
    done = report("--base", targets[0], "--head", targets[1], "--fail-over", limit)
    assert done.returncode == (3 if said else 0)
    assert said in done.stderr
    assert ("over the limit" in done.stderr) is bool(said)
    assert done.stdout


@pytest.mark.nightly
def test_a_branch_that_changes_no_model_exceeds_nothing(report: Report, targets: tuple[Path, Path]) -> None:
    done = report("--base", targets[0], "--head", targets[0], "--fail-over", "0%")
    assert done.returncode == 0
    assert "No model that was built has changed code." in done.stdout
    assert "Nothing fails that did not fail before." in done.stdout


def test_a_difference_within_the_noise_of_production_counts_for_nothing(report: Report, tmp_path: Path) -> None:
    """Of 3 4 4 4 5 6 the median is 4, and p95 = 5 + 0.75 × (6 - 5) = 5.75: runs differ by 1.75."""
    store = history(tmp_path, [4.0, 6.0, 4.0, 3.0, 4.0, 5.0])
    head = tmp_path / "head"
    changed = replace(ORDERS, seconds=5.5, code="select 2")
    write_build(head, "head", (STG_ORDERS, STG_CUSTOMERS, changed, CUSTOMERS), ended=TOMORROW)
    done = report("--store", store, "--head", head, "--json", "--fail-over", "0")
    shown = done.json
    assert done.returncode == 0
    (orders,) = shown["changed_models"]
    assert (orders["before_seconds"], orders["noise_seconds"], orders["verdict"]) == (4.0, 1.75, "within noise")
    # 2 + 5.5 would be longer than 5 + 1.5, but it is chance.
    assert shown["new_on_the_critical_path"] == []
    path = next(row for row in shown["run_time"] if row["what"] == "critical path")
    assert (path["before_seconds"], path["after_seconds"]) == (6.5, 6.5)
    assert shown["notes"] == []

    slower = (replace(STG_ORDERS, seconds=3.0), STG_CUSTOMERS, replace(changed, seconds=6.0), CUSTOMERS)
    write_build(head, "head again", slower, ended=TOMORROW)
    done = report("--store", store, "--head", head, "--json", "--fail-over", "1.9")
    assert (done.returncode, done.json["changed_models"][0]["verdict"]) == (3, "slower")
    # Its code is the same, and all runs took 2 s.
    (other,) = done.json["other_models"]
    assert (other["model"], other["difference_seconds"], other["noise_seconds"]) == ("model.shop.stg_orders", 1.0, 0.0)
    on_path = [row["model"] for row in done.json["new_on_the_critical_path"]]
    assert on_path == ["model.shop.stg_orders", "model.shop.orders"]


@pytest.mark.nightly
def test_fewer_runs_count_with_last_runs(report: Report, tmp_path: Path) -> None:
    """The newest two took 4 and 8 s."""
    store = history(tmp_path, [1.0, 1.0, 1.0, 1.0, 4.0, 8.0])
    head = write_build(tmp_path / "head", "head", (replace(ORDERS, seconds=7.0, code="x"),), ended=TOMORROW)
    (orders,) = report("--store", store, "--head", head, "--json", "--last-runs", "2").json["changed_models"]
    assert (orders["before_seconds"], orders["noise_seconds"], orders["verdict"]) == (6.0, None, "slower")


def test_a_branch_that_builds_a_part_is_not_compared_as_a_whole(report: Report, tmp_path: Path) -> None:
    base = write_build(tmp_path / "base", "base", BASE)
    nodes = [node if node is not ORDERS else replace(node, seconds=6.0, code="x") for node in BASE]
    partial = [node if node.name == "orders" else replace(node, seconds=None) for node in nodes]
    head = write_build(tmp_path / "head", "head", partial, ended=TOMORROW)
    shown = report("--base", base, "--head", head, "--json").json
    took = {row["what"]: (row["before_seconds"], row["after_seconds"]) for row in shown["run_time"]}
    assert took["changed models"] == (4.0, 6.0)
    assert took["critical path"] == (9.0, 11.0)
    assert took["whole run"] == (16.5, None)
    assert any("built 1 models, and 6 resources" in note for note in shown["notes"])
    assert "models_removed" not in shown


def test_the_requests_do_not_grow_with_the_models(tmp_path: Path) -> None:
    counts = []
    for size in (2, 40):
        nodes = [Node(f"m{number}", 1.0) for number in range(size)]
        base = write_build(tmp_path / f"base{size}", "base", nodes)
        head = write_build(tmp_path / f"head{size}", "head", [replace(n, code="x") for n in nodes], ended=TOMORROW)
        with dbtAccount(artifacts=base) as before, dbtAccount(artifacts=head) as after:
            assert len(compare_builds(before, after).changed) == size
            counts.append((before.client.upstream_requests, after.client.upstream_requests))
    assert counts[0] == counts[1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--base", "{base}", "--head", "{empty}"), "holds no dbt artifacts"),
        (("--base", "{empty}", "--head", "{head}"), "holds no dbt artifacts"),
        (("--base", "{base}", "--head", "{empty}/nothing"), "is not a folder"),
        (("--store", "sqlite:///{empty}/no.db", "--head", "{head}"), "does not exist"),
        pytest.param(
            *(("--base", "{base}", "--head", "{head}", "--job", "weekly"), "weekly"), marks=pytest.mark.nightly
        ),
        (("--base", "{other}", "--head", "{head}"), "has no project shop. Projects it has: depot."),
        (("--base", "{base}", "--head", "{head}", "--post", "github"), "GITHUB_TOKEN"),
        (("--base", "{base}", "--head", "{head}", "--post", "gitlab"), "CI_API_V4_URL"),
    ],
)
def test_what_cannot_be_compared_is_one_line_and_2(
    report: Report,
    targets: tuple[Path, Path],
    tmp_path: Path,
    arguments: Sequence[str],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("GITHUB_TOKEN", "CI_API_V4_URL"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "empty").mkdir()
    other = write_build(tmp_path / "other", "other", BASE)
    manifest = other / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"project_name": "shop"', '"project_name": "depot"'))
    places = {"base": targets[0], "head": targets[1], "empty": tmp_path / "empty", "other": other}
    done = report(*(text.format_map(places) for text in arguments))
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert said in done.stderr


@dataclass
class Comments:
    """What a platform keeps of a pull request: it answers in pages, as GitHub and GitLab do."""

    kept: list[dict[str, Any]] = field(default_factory=list)

    def answer(self, request: Request) -> Any:
        path = urlsplit(request.path)
        if request.method == "GET":
            query = parse_qs(path.query)
            size, page = int(query["per_page"][0]), int(query["page"][0])
            return self.kept[(page - 1) * size : page * size]
        if request.method == "POST":
            self.kept.append({"id": 1000 + len(self.kept), "body": request.json["body"]})
            return self.kept[-1]
        (comment,) = (known for known in self.kept if known["id"] == int(path.path.rpartition("/")[2]))
        comment["body"] = request.json["body"]
        return comment


def github(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    variables = {"TOKEN": TOKEN, "API_URL": url, "REPOSITORY": "harbor/shop", "REF": "refs/pull/12/merge"}
    for name, value in variables.items():
        monkeypatch.setenv(f"GITHUB_{name}", value)


def gitlab(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    variables = {"GITLAB_TOKEN": TOKEN, "CI_API_V4_URL": f"{url}/api/v4", "CI_PROJECT_ID": "7"}
    for name, value in {**variables, "CI_MERGE_REQUEST_IID": "12"}.items():
        monkeypatch.setenv(name, value)


PLATFORMS = {
    "github": (github, "/repos/harbor/shop/issues/12/comments", "/repos/harbor/shop/issues/comments", "PATCH"),
    "gitlab": (gitlab, *["/api/v4/projects/7/merge_requests/12/notes"] * 2, "PUT"),
}


@pytest.mark.parametrize("platform", PLATFORMS)
def test_one_comment_is_made_and_then_updated(platform: str, monkeypatch: pytest.MonkeyPatch) -> None:
    environment, all_comments, one_comment, method = PLATFORMS[platform]
    others = [{"id": number, "body": f"thanks for <!-- x --> {number}"} for number in range(150)]
    comments = Comments(others)
    with http_stand_in() as service:
        service.body = comments.answer
        environment(monkeypatch, service.url)
        place = comment_place(platform, os.environ)
        assert post_comment(place, "<!-- x -->", "the first, @team") == "created"
        assert comments.kept[150]["body"] == "<!-- x -->\nthe first, @\u200bteam"
        comments.kept += [{"id": 5000 + number, "body": "well done"} for number in range(100)]
        assert post_comment(place, "<!-- x -->", "the second") == "updated"
    assert [one["body"] for one in comments.kept if one["body"].startswith("<!--")] == ["<!-- x -->\nthe second"]
    asked = [(request.method, urlsplit(request.path).path) for request in service.requests]
    listed = [("GET", all_comments)] * 2
    assert asked == [*listed, ("POST", all_comments), *listed, (method, f"{one_comment}/1150")]
    name = "Authorization" if platform == "github" else "PRIVATE-TOKEN"
    sent = {request.headers.get(name) for request in service.requests}
    assert sent == {f"Bearer {TOKEN}" if platform == "github" else TOKEN}


def test_the_comment_is_what_is_printed(
    report: Report, targets: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    comments = Comments()
    with http_stand_in() as service:
        service.body = comments.answer
        github(monkeypatch, service.url)
        done = report("--base", targets[0], "--head", targets[1], "--post", "github", "--fail-over", "1")
    assert done.returncode == 3
    assert "GitHub: the comment on pull request 12 of harbor/shop is created." in done.stderr
    (comment,) = comments.kept
    assert comment["body"] == f"<!-- gateway report: shop -->\n{done.stdout}".replace("@", "@\u200b")
    assert TOKEN not in done.stdout + done.stderr + comment["body"]


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize(
    ("status", "said"),
    [(401, "does not accept the token"), (403, "does not let the token comment"), (404, "has no"), (301, "HTTP 301")],
)
@pytest.mark.parametrize("allowed", [0, 1], ids=["list", "write"])
def test_a_refusal_says_what_to_do_and_nothing_of_the_token(
    platform: str, status: int, said: str, allowed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with http_stand_in() as service:
        service.body = lambda request: []
        service.answers = [(200, {})] * allowed + [(status, {"Location": f"{service.url}/elsewhere"})]
        PLATFORMS[platform][0](monkeypatch, service.url)
        with pytest.raises(GatewayError) as refused:
            post_comment(comment_place(platform, os.environ), "<!-- x -->", "text")
    assert len(service.requests) == allowed + 1
    assert said in refused.value.message
    assert TOKEN not in refused.value.message


def test_a_report_that_cannot_be_posted_is_printed_all_the_same(
    report: Report, targets: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    with http_stand_in() as service:
        service.answers = [(403, {})]
        github(monkeypatch, service.url)
        done = report("--base", targets[0], "--head", targets[1], "--post", "github")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert done.stderr.startswith("error: GitHub does not let the token comment on pull request 12 of harbor/shop.")
    assert done.stdout.startswith("### ")
    assert TOKEN not in done.stdout + done.stderr


def test_a_platform_that_cannot_be_reached_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    github(monkeypatch, f"http://127.0.0.1:{closed_port()}")
    with pytest.raises(UpstreamUnavailable, match=re.escape("127.0.0.1 could not be reached")):
        post_comment(comment_place("github", os.environ), "<!-- x -->", "text")


@pytest.mark.parametrize("answer", [{"message": "welcome"}, "text"], ids=["object", "text"])
def test_an_answer_that_is_no_list_of_comments_is_refused(answer: object, monkeypatch: pytest.MonkeyPatch) -> None:
    with http_stand_in() as service:
        service.body = lambda request: answer
        github(monkeypatch, service.url)
        with pytest.raises(UpstreamUnavailable, match="does not answer as GitHub does"):
            post_comment(comment_place("github", os.environ), "<!-- x -->", "text")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("GITHUB_API_URL", "http://github.example", "https://"),
        ("GITHUB_REPOSITORY", "../../admin", "owner/name"),
        ("GITHUB_TOKEN", "ghs_\r\nX: y", "characters"),
        ("GITHUB_REF", "refs/heads/main", "pull_request"),
    ],
)
def test_a_job_that_is_of_no_pull_request_asks_nobody(
    report: Report, targets: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    with http_stand_in() as service:
        github(monkeypatch, service.url)
        monkeypatch.delenv("GITHUB_EVENT_PATH", raising=False)
        monkeypatch.setenv(name, value)
        done = report("--base", targets[0], "--head", targets[1], "--post", "github")
    assert (done.returncode, done.stdout, done.stderr.count("\n"), service.requests) == (2, "", 1, [])
    assert said in done.stderr


def test_the_event_names_the_pull_request_where_the_ref_does_not(tmp_path: Path) -> None:
    event = tmp_path / "event.json"
    event.write_text('{"pull_request": {"number": 34}}')
    variables = {"GITHUB_TOKEN": TOKEN, "GITHUB_REPOSITORY": "harbor/shop", "GITHUB_REF": "refs/heads/main"}
    place = comment_place("github", {**variables, "GITHUB_EVENT_PATH": str(event)})
    assert place.all == "https://api.github.com/repos/harbor/shop/issues/34/comments"


def test_a_long_comment_is_cut_at_a_line() -> None:
    body = comment_body("<!-- x -->", "| a row |\n" * 10_000)
    assert len(body) < 65_536
    assert body.startswith("<!-- x -->\n| a row |\n")
    assert body.endswith("| a row |\n\nThe rest is cut: lower --first.\n")
