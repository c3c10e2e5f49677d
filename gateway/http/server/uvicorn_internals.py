"""What the server takes of uvicorn beyond what `uvicorn` itself exports: the classes that are extended, an exit code.

A version that moves one of these is met here; `tests/test_seams.py` pins the methods and attributes that are used.
"""

from __future__ import annotations

from uvicorn.config import STARTUP_FAILURE
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.supervisors import Multiprocess

__all__ = ["STARTUP_FAILURE", "FlowControl", "HttpToolsProtocol", "Multiprocess", "WebSocketsSansIOProtocol"]
