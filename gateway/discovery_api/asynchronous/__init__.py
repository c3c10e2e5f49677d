"""The same library for asyncio: `AsyncAccount` and its resources have the names of `dbtAccount` and its own.

A question is awaited while a thread waits for it, so that the event loop stays free. What a resource knows when it was
read is a plain attribute, as there; attributes that read more are awaited (`await run.title`).
"""

from gateway.discovery_api.asynchronous.account import AsyncAccount
from gateway.discovery_api.asynchronous.job import AsyncJob
from gateway.discovery_api.asynchronous.model import AsyncModel
from gateway.discovery_api.asynchronous.project import AsyncProject
from gateway.discovery_api.asynchronous.run import AsyncRun

__all__ = ["AsyncAccount", "AsyncJob", "AsyncModel", "AsyncProject", "AsyncRun"]
