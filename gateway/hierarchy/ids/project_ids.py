"""Ids of projects and accounts: equal ids of one type mean the same object, through whatever it was come by.

What is seen through production has a plain id. What is seen through another environment, or through a filter, says so
in its id, and the id can be read back:

    finance                                  the project in production
    finance@201002                           the same project in the environment 201002
    70403103900042@staging                   the account through its staging environments
    70403103900042?projectIds=finance        the account, narrowed by a filter
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final
from urllib.parse import quote

from gateway.errors import BadUserInput
from gateway.hierarchy.filters.filter_text import filter_of_text, text_of_filter
from gateway.hierarchy.filters.model_filters import ProjectFilter
from gateway.hierarchy.objects.project import DeploymentEnvironment

LONGEST_ACCOUNT_ID: Final = 4_096
"""In bytes. A longer filter is refused: clients and routers carry ids around."""

_STAGING = f"@{DeploymentEnvironment.STAGING.value}"
# What ids are put together with. dbt's own project names hold none of them, names that people give may.
_RESERVED = str.maketrans({sign: f"%{ord(sign):02X}" for sign in "%@./"})


class IdScope(Enum):
    """Where ids of projects and models are told apart: in the whole account, or within one environment of it."""

    ACCOUNT = "account"
    ENVIRONMENT = "environment"


def project_name(name: str) -> str:
    """A project's name as it stands in ids. Names that dbt allows stay what they are."""
    return name.translate(_RESERVED)


def through_environment(name: str, environment_id: int | str) -> str:
    """The id of a project, by its name in ids, in one environment among several."""
    return f"{name}@{quote(str(environment_id), safe='').replace('.', '%2E').replace('~', '%7E')}"


def plain_name(project_id: str) -> str:
    """The id of the same project without its environment."""
    return project_id.partition("@")[0]


def project_part(model_id: str) -> str:
    """The project's id in the id of one of its models."""
    return model_id.partition(".")[0]


@dataclass(frozen=True, slots=True)
class AccountView:
    """An account as it is looked at: through which environments, narrowed by what."""

    number: int
    deployment: DeploymentEnvironment = DeploymentEnvironment.PRODUCTION
    filter: ProjectFilter | None = None

    @property
    def id(self) -> str:
        """The account's id. Raises BadUserInput for a filter that makes it too long."""
        environment = "" if self.deployment is DeploymentEnvironment.PRODUCTION else f"@{self.deployment.value}"
        text = text_of_filter(self.filter) if self.filter else ""
        made = f"{self.number}{environment}{'?' if text else ''}{text}"
        if len(made) > LONGEST_ACCOUNT_ID:
            raise BadUserInput(
                f"The filter is too long: it makes the account's id {len(made)} bytes, more than {LONGEST_ACCOUNT_ID}. "
                "Filter the lists below the account instead.",
                argument="filter",
            )
        return made


def account_view(account_id: str) -> AccountView | None:
    """The view that an account's id stands for; None for a text that is none."""
    place, asked, text = account_id.partition("?")
    deployment = DeploymentEnvironment.STAGING if place.endswith(_STAGING) else DeploymentEnvironment.PRODUCTION
    number = place.removesuffix(_STAGING)
    if not (number.isascii() and number.isdigit() and len(number) <= 18 and len(account_id) <= LONGEST_ACCOUNT_ID):
        return None
    view = AccountView(int(number), deployment, filter_of_text(text) if asked else None)
    return view if view.id == account_id else None
