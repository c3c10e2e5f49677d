"""Reads an identity provider's published keys over HTTPS: one address, no redirects, a byte cap, a deadline."""

from __future__ import annotations

import aiohttp

from gateway.identity.key_set import KeysUnreadable

_SECONDS = 5.0
_MOST_BYTES = 256 * 1024


class PublishedKeys:
    """A KeySource at an address that only settings name. A connection is opened for each reading: there are few."""

    def __init__(self, url: str, seconds: float = _SECONDS, most_bytes: int = _MOST_BYTES) -> None:
        self._url = url
        self._seconds = seconds
        self._most_bytes = most_bytes

    async def read(self) -> bytes:
        timeout = aiohttp.ClientTimeout(total=self._seconds)
        try:
            async with (
                aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), trust_env=False, timeout=timeout) as session,
                session.get(self._url, allow_redirects=False, headers={"Accept": "application/json"}) as response,
            ):
                if response.status != 200:
                    raise KeysUnreadable(f"HTTP {response.status} instead of 200")
                return await self._content(response)
        except TimeoutError:
            raise KeysUnreadable(f"no answer within {self._seconds:g} s") from None
        except (aiohttp.ClientError, OSError) as failure:
            raise KeysUnreadable(type(failure).__name__) from None

    async def _content(self, response: aiohttp.ClientResponse) -> bytes:
        content = bytearray()
        async for chunk in response.content.iter_any():
            content += chunk
            if len(content) > self._most_bytes:
                raise KeysUnreadable(f"more than {self._most_bytes:,} bytes")
        return bytes(content)
