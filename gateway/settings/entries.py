"""What settings hold: lists, addresses, and the entries of `[[projects]]` and `[[api_keys]]`."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PositiveInt,
    TypeAdapter,
    ValidationError,
    model_validator,
)
from pydantic_settings import NoDecode

from gateway.errors import ConfigurationError


def _checked_network(text: str) -> str:
    try:
        ip_network(text)
    except ValueError:
        raise ValueError(f"{text!r} is no address or network, such as 10.0.0.1 or 10.0.0.0/8") from None
    return text


NetworkSetting = Annotated[str, AfterValidator(_checked_network)]
"""An IP address, or a network of them."""


def listed(value: Any) -> Any:
    """A list as it may be written in the environment: as JSON, or its entries with commas between them."""
    if not isinstance(value, str):
        return value
    if value.strip().startswith("["):
        try:
            return json.loads(value)
        except ValueError as broken:
            raise ValueError(f"is no JSON ({broken}); write the entries with commas between them: a,b") from None
    return [entry.strip() for entry in value.split(",") if entry.strip()]


Texts = Annotated[tuple[str, ...], NoDecode, BeforeValidator(listed)]
Networks = Annotated[tuple[NetworkSetting, ...], NoDecode, BeforeValidator(listed)]
Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
Algorithms = Annotated[tuple[Algorithm, ...], NoDecode, BeforeValidator(listed)]


class ProjectSetting(BaseModel):
    """One `[[projects]]` entry of the configuration file: what takes the place of the Admin API's list of environments,
    or beside it says which of a project's environments is production, and which staging."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    production_environment_id: int | None = None
    staging_environment_id: int | None = None

    @model_validator(mode="after")
    def _has_an_environment(self) -> ProjectSetting:
        if self.production_environment_id is None and self.staging_environment_id is None:
            raise ValueError(f"project {self.name} needs production_environment_id or staging_environment_id")
        return self


class ApiKeySetting(BaseModel):
    """One `[[api_keys]]` entry of the configuration file: the holder of a key and what the key lets them see.

    `gateway key new` writes it. `"*"` stands for all projects, or all environments.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, max_length=100)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    projects: tuple[str, ...]
    environments: tuple[PositiveInt | Literal["*"], ...] = ("*",)
    scopes: tuple[Literal["introspection", "metrics"], ...] = ()
    expires: AwareDatetime | None = None


def read_api_keys(file: Path) -> tuple[ApiKeySetting, ...]:
    """The `[[api_keys]]` of a configuration file as it is now. Raises ConfigurationError that names the file."""
    try:
        entries = tomllib.loads(file.read_text("utf-8")).get("api_keys", [])
        keys = TypeAdapter(tuple[ApiKeySetting, ...]).validate_python(entries)
    except ValidationError as invalid:
        raise ConfigurationError(f"{file}: {explain(invalid)}.") from None
    except (OSError, ValueError) as unreadable:
        raise ConfigurationError(f"{file}: the API keys cannot be read: {unreadable}.") from None
    problem = problem_with_keys(keys)
    if problem:
        raise ConfigurationError(f"{file}: {problem}")
    return keys


def problem_with_keys(keys: Sequence[ApiKeySetting]) -> str | None:
    """What is wrong with these keys together; None: nothing."""
    for what in ("name", "sha256"):
        if len({getattr(key, what) for key in keys}) < len(keys):
            return f"two api_keys have the same {what}"
    return None


def explain(invalid: ValidationError) -> str:
    """Which settings are wrong, and how, in one line."""
    lines = []
    for problem in invalid.errors(include_url=False, include_input=False):
        name = ".".join(str(part) for part in problem["loc"])
        message = problem["msg"].removeprefix("Value error, ")
        lines.append(f"setting {name}: {message}" if name else message)
    return "; ".join(lines)


def is_web_address(url: str) -> bool:
    """Whether dbt may be asked at this address: http or https, without a user name or password."""
    parts = urlsplit(url)
    return parts.scheme in ("https", "http") and bool(parts.hostname) and "@" not in parts.netloc


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_trustworthy(url: str) -> bool:
    """Whether keys may be read from this address."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1"))
