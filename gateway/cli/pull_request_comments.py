"""One comment on a pull request of GitHub or a merge request of GitLab: made the first time, updated afterwards."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import aiohttp

from gateway.errors import ConfigurationError, UpstreamUnavailable
from gateway.settings.entries import is_trustworthy

_SECONDS = 30.0
_PAGE = 100
_MOST_PAGES = 100
_MOST_BYTES = 16 * 1024 * 1024
# GitHub takes 65,536 characters.
_LONGEST_BODY = 60_000
_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)
_PULL_REQUEST = re.compile(r"refs/pull/(\d+)/", re.ASCII)


@dataclass(frozen=True, slots=True)
class CommentPlace:
    """Where the comments of one pull request are. A comment is updated by `method` at `single` with its id behind it.
    `headers` hold the token. `advice` says what to do by HTTP status."""

    platform: str
    what: str
    all: str
    single: str
    method: str
    headers: Mapping[str, str]
    advice: Mapping[int, str]


def comment_place(platform: str, variables: Mapping[str, str]) -> CommentPlace:
    """The place that the variables of a CI job name. Raises ConfigurationError for what is missing or cannot be."""
    return _on_github(variables) if platform == "github" else _on_gitlab(variables)


def post_comment(place: CommentPlace, marker: str, text: str) -> str:
    """Makes the comment, or updates the one that begins with the marker: `created` or `updated`.

    The marker is an HTML comment, which nobody sees. Raises ConfigurationError for a token that may not, and
    UpstreamUnavailable where the platform does not answer.
    """
    return asyncio.run(_post(place, marker, comment_body(marker, text)))


def comment_body(marker: str, text: str) -> str:
    """The marker and the text: cut at a line where it is longer than platforms take, and without mentions, which would
    send messages to people."""
    body = f"{marker}\n{text}".replace("@", "@\u200b")
    if len(body) <= _LONGEST_BODY:
        return body
    return f"{body[:_LONGEST_BODY].rpartition(chr(10))[0]}\n\nThe rest is cut: lower --first.\n"


def _on_github(variables: Mapping[str, str]) -> CommentPlace:
    api = _api(variables.get("GITHUB_API_URL") or "https://api.github.com", "GITHUB_API_URL")
    token = _needed(variables, "GITHUB_TOKEN", "in GitHub Actions env: GITHUB_TOKEN: ${{ github.token }}")
    repository = _needed(variables, "GITHUB_REPOSITORY", "owner/name")
    if not _REPOSITORY.fullmatch(repository):
        raise ConfigurationError("GITHUB_REPOSITORY is not owner/name.")
    number = _github_number(variables)
    what = f"pull request {number} of {repository}"
    return CommentPlace(
        platform="GitHub",
        what=what,
        all=f"{api}/repos/{repository}/issues/{number}/comments",
        single=f"{api}/repos/{repository}/issues/comments",
        method="PATCH",
        headers={
            "Authorization": f"Bearer {token}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
        },
        advice={
            401: "does not accept the token. Set GITHUB_TOKEN to a valid one",
            403: f"does not let the token comment on {what}. Give the job permissions: pull-requests: write; those of "
            "pull requests from forks only read",
            404: f"has no {what}, or the token may not see it. Check GITHUB_REPOSITORY and the token's repositories",
        },
    )


def _on_gitlab(variables: Mapping[str, str]) -> CommentPlace:
    api = _api(_needed(variables, "CI_API_V4_URL", "https://gitlab.com/api/v4, for example"), "CI_API_V4_URL")
    token = _needed(variables, "GITLAB_TOKEN", "a project access token with the scope api, as a masked variable")
    project = _needed(variables, "CI_PROJECT_ID", "the number of the project")
    number = _needed(variables, "CI_MERGE_REQUEST_IID", "only pipelines of merge requests have it")
    what = f"merge request {number} of project {project}"
    notes = f"{api}/projects/{quote(project, safe='')}/merge_requests/{quote(number, safe='')}/notes"
    return CommentPlace(
        platform="GitLab",
        what=what,
        all=notes,
        single=notes,
        method="PUT",
        headers={"PRIVATE-TOKEN": token},
        advice={
            401: "does not accept the token. Set GITLAB_TOKEN to a valid one with the scope api; CI_JOB_TOKEN cannot "
            "comment",
            403: f"does not let the token comment on {what}. It needs the scope api and the role Reporter",
            404: f"has no {what}, or the token may not see it. Check CI_PROJECT_ID and the token's project",
        },
    )


def _needed(variables: Mapping[str, str], name: str, what: str) -> str:
    value = variables.get(name, "").strip()
    if not value:
        raise ConfigurationError(f"--post needs {name}: {what}.")
    if not (value.isascii() and value.isprintable()):
        raise ConfigurationError(f"{name} holds characters that no request can have.")
    return value


def _api(url: str, name: str) -> str:
    if not is_trustworthy(url) or urlsplit(url).username is not None:
        raise ConfigurationError(f"{name} must begin with https:// (http:// on this machine only) and name no user.")
    return url.rstrip("/")


def _github_number(variables: Mapping[str, str]) -> int:
    """By the ref of the job, else by the event that started it."""
    ref = _PULL_REQUEST.match(variables.get("GITHUB_REF", ""))
    if ref:
        return int(ref[1])
    path = variables.get("GITHUB_EVENT_PATH")
    try:
        event = json.loads(Path(path).read_bytes()) if path else {}
        number = event["pull_request"]["number"]
    except (OSError, ValueError, KeyError, TypeError):
        number = None
    if not isinstance(number, int):
        raise ConfigurationError("--post github needs a pull request: run it in a job of the event pull_request.")
    return number


async def _post(place: CommentPlace, marker: str, body: str) -> str:
    timeout = aiohttp.ClientTimeout(total=_SECONDS)
    async with aiohttp.ClientSession(
        headers=place.headers, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False
    ) as session:
        known = await _known(session, place, marker)
        if known is None:
            await _ask(session, place, "POST", place.all, body)
            return "created"
        await _ask(session, place, place.method, f"{place.single}/{known}", body)
        return "updated"


async def _known(session: aiohttp.ClientSession, place: CommentPlace, marker: str) -> int | None:
    """The id of the comment that begins with the marker; None where there is none."""
    for page in range(1, _MOST_PAGES + 1):
        comments = await _ask(session, place, "GET", f"{place.all}?per_page={_PAGE}&page={page}")
        if not isinstance(comments, list):
            raise _unusable(place)
        for comment in comments:
            if isinstance(comment, dict) and str(comment.get("body")).startswith(marker):
                return int(comment["id"])
        if len(comments) < _PAGE:
            break
    return None


async def _ask(
    session: aiohttp.ClientSession, place: CommentPlace, method: str, url: str, body: str | None = None
) -> Any:
    """The answer as JSON. No message repeats the request: it holds the token."""
    content = None if body is None else {"body": body}
    try:
        async with session.request(method, url, json=content, allow_redirects=False) as response:
            status, answer = response.status, await response.content.read(_MOST_BYTES)
            while len(answer) < _MOST_BYTES and (more := await response.content.read(_MOST_BYTES - len(answer))):
                answer += more
    except TimeoutError:
        raise UpstreamUnavailable(f"{place.platform} did not answer within {_SECONDS:g} s. Try again.") from None
    except (aiohttp.ClientError, OSError) as failure:
        host = urlsplit(url).hostname
        raise UpstreamUnavailable(f"{host} could not be reached ({type(failure).__name__}). Try again.") from None
    if not 200 <= status < 300:
        advice = place.advice.get(status, f"did not take the comment on {place.what}. Try again later")
        raise ConfigurationError(f"{place.platform} {advice} (HTTP {status}).")
    try:
        return json.loads(answer)
    except ValueError:
        raise _unusable(place) from None


def _unusable(place: CommentPlace) -> UpstreamUnavailable:
    host = urlsplit(place.all).hostname
    return UpstreamUnavailable(f"{host} does not answer as {place.platform} does. Check its address.")
