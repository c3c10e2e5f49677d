"""The `[alerts]` table of the configuration file: rules, destinations, routes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings

from gateway.settings.entries import is_loopback, is_web_address

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
When = Literal[
    "job_failed", "job_late", "job_not_started", "model_regressed", "source_stale", "test_broken", "nothing_arrived"
]
_TIME_OF_DAY = r"^([01]\d|2[0-3]):[0-5]\d$"

# The keys that only rules of these conditions have, and those that a condition needs.
_OF_CONDITIONS: dict[str, tuple[str, ...]] = {
    "finished_by": ("job_late",),
    "time_zone": ("job_late", "job_not_started"),
    "cron": ("job_not_started",),
    "grace_minutes": ("job_not_started",),
    "hours": ("nothing_arrived",),
    "within_days": ("model_regressed",),
    "warnings": ("source_stale",),
    "jobs": ("job_failed", "job_late", "job_not_started", "nothing_arrived", "model_regressed"),
    "models": ("model_regressed", "test_broken"),
    "tags": ("job_failed", "job_late", "job_not_started", "model_regressed", "source_stale", "test_broken"),
    "owners": ("job_failed", "model_regressed", "source_stale", "test_broken"),
    "groups": ("job_failed", "model_regressed", "source_stale", "test_broken"),
}
_NEEDED = {"job_late": "finished_by", "nothing_arrived": "hours"}


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _checked_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError(f"there is no time zone {name!r}; write an IANA name, such as Europe/Berlin or UTC")
    return name


class QuietHoursSetting(_Entry):
    """When a destination gets no message."""

    begin: str = Field(pattern=_TIME_OF_DAY)
    end: str = Field(pattern=_TIME_OF_DAY)
    time_zone: str = "UTC"
    days: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

    _zone = field_validator("time_zone")(_checked_zone)


class DestinationSetting(_Entry):
    """One `[[alerts.destinations]]` entry. A secret stands in it, in a variable or in a file."""

    name: str = Field(min_length=1, max_length=100)
    kind: Literal["webhook", "slack", "teams", "email", "pagerduty"]
    url: SecretStr | None = None
    url_env: str | None = None
    url_file: Path | None = None
    token: SecretStr | None = None
    token_env: str | None = None
    token_file: Path | None = None
    host: str | None = None
    port: int | None = Field(default=None, ge=1, le=65535)
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: str | None = None
    password: SecretStr | None = None
    password_env: str | None = None
    password_file: Path | None = None
    sender: str | None = None
    to: tuple[str, ...] = ()
    quiet_hours: QuietHoursSetting | None = None
    resolved: bool = True
    seconds: float = Field(default=10.0, gt=0, le=120)
    plain_http: bool = False

    @model_validator(mode="after")
    def _is_complete(self) -> DestinationSetting:
        if self.kind == "email":
            self._require(host=self.host, sender=self.sender, to=self.to)
            if self.user is not None and self.secret("password") is None:
                raise ValueError(f"destination {self.name}: user is set, set password, password_env or password_file")
            return self
        url = self.secret("url")
        if self.kind == "pagerduty":
            self._require(token=self.secret("token"))
        else:
            self._require(url=url)
        if url is not None:
            self._check_address(url)
        return self

    def _require(self, **values: object) -> None:
        for name, value in values.items():
            if not value:
                others = f", {name}_env or {name}_file" if name in ("url", "token") else ""
                raise ValueError(f"destination {self.name}: a destination of kind {self.kind} needs {name}{others}")

    def _check_address(self, url: str) -> None:
        if not is_web_address(url):
            raise ValueError(f"destination {self.name}: url must be https://HOST…, without a user name in it")
        parts = urlsplit(url)
        if parts.scheme == "http" and not self.plain_http and not is_loopback(parts.hostname or ""):
            raise ValueError(f"destination {self.name}: url must begin with https:// (or set plain_http = true)")

    def secret(self, name: Literal["url", "token", "password"]) -> str | None:
        """A secret as it stands here, in a variable, or in a file; None where it is not set. Raises ValueError for a
        variable or a file that is not there."""
        value, variable, file = getattr(self, name), getattr(self, f"{name}_env"), getattr(self, f"{name}_file")
        if sum(place is not None for place in (value, variable, file)) > 1:
            raise ValueError(f"destination {self.name}: set one of {name}, {name}_env and {name}_file")
        if variable is not None:
            if not os.environ.get(variable):
                raise ValueError(f"destination {self.name}: the environment has no variable {variable}")
            return os.environ[variable].strip()
        if file is not None:
            try:
                return str(file.read_text("utf-8")).strip()
            except (OSError, UnicodeDecodeError) as unreadable:
                raise ValueError(f"destination {self.name}: {file} cannot be read ({unreadable})") from None
        return None if value is None else str(value.get_secret_value())


class AlertRuleSetting(_Entry):
    """One `[[alerts.rules]]` entry."""

    name: str = Field(min_length=1, max_length=100)
    when: When
    to: tuple[str, ...] = ()
    severity: Literal["critical", "error", "warning", "info"] = "error"
    projects: tuple[str, ...] = ()
    jobs: tuple[str | int, ...] = ()
    models: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    finished_by: str | None = Field(default=None, pattern=_TIME_OF_DAY)
    time_zone: str = "UTC"
    cron: str | None = None
    grace_minutes: float = Field(default=10.0, ge=0, le=10_080)
    hours: float | None = Field(default=None, gt=0, le=8_760)
    within_days: float = Field(default=7.0, gt=0, le=365)
    warnings: bool = False

    _zone = field_validator("time_zone")(_checked_zone)

    @model_validator(mode="after")
    def _fits_its_condition(self) -> AlertRuleSetting:
        for name in sorted(self.model_fields_set):
            conditions = _OF_CONDITIONS.get(name)
            if conditions is not None and self.when not in conditions:
                raise ValueError(
                    f"rule {self.name}: {name} has no meaning when {self.when}; only for {', '.join(conditions)}"
                )
        needed = _NEEDED.get(self.when)
        if needed is not None and getattr(self, needed) is None:
            raise ValueError(f"rule {self.name}: a rule when {self.when} needs {needed}")
        return self


class RouteSetting(_Entry):
    """One `[[alerts.routes]]` entry: alerts that meet all of it go there instead of where their rule says."""

    to: tuple[str, ...] = Field(min_length=1)
    projects: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


class AlertsSetting(_Entry):
    """The whole table."""

    rules: tuple[AlertRuleSetting, ...] = ()
    destinations: tuple[DestinationSetting, ...] = ()
    routes: tuple[RouteSetting, ...] = ()
    gateway_url: str | None = None
    interval: float = Field(default=60.0, ge=1, le=86_400)

    @model_validator(mode="after")
    def _names_what_is_there(self) -> AlertsSetting:
        for what, names in (
            ("rules", [rule.name for rule in self.rules]),
            ("destinations", [destination.name for destination in self.destinations]),
        ):
            doubled = sorted({name for name in names if names.count(name) > 1})
            if doubled:
                raise ValueError(f"two {what} have the name {doubled[0]!r}")
        known = {destination.name for destination in self.destinations}
        for place, targets in (
            *((f"rule {rule.name}", rule.to) for rule in self.rules),
            *((f"route {number}", route.to) for number, route in enumerate(self.routes, start=1)),
        ):
            unknown = [name for name in targets if name not in known]
            if unknown:
                listed = ", ".join(sorted(known)) or "none"
                raise ValueError(f"{place}: there is no destination {unknown[0]!r}; there are: {listed}")
        silent = [rule.name for rule in self.rules if not rule.to and not self.routes]
        if silent:
            raise ValueError(f"rule {silent[0]}: name its destinations in to")
        return self

    @field_validator("gateway_url")
    @classmethod
    def _is_an_address(cls, url: str | None) -> str | None:
        if url is not None and not is_web_address(url):
            raise ValueError("must be the address of the gateway's pages, https://HOST…")
        return url


class AlertSettings(BaseSettings):
    """Alerts, and whether serve raises them."""

    alerts: AlertsSetting = Field(
        default=AlertsSetting(),
        description="Rules, destinations and routes of alerts: the table [alerts] (docs/alerts.md).",
    )
    serve_alerts: bool = Field(default=False, description="Let gateway serve send alerts, in a separate process.")
