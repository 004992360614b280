"""The worker joins the engine to the stores: it reads papers and grades them, in the server's loop or alone.

Its parts are loaded when they are asked for: `python -m app.worker.alive`, which a container's health check starts
every few seconds, needs none of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from app.worker.service import Worker, main

__all__ = ["Worker", "main"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(name)
    from app.worker import service

    return getattr(service, name)
