"""The worker joins the engine to the stores: it reads papers and grades them, in the server's loop or alone."""

from __future__ import annotations

from app.worker.service import Worker, main

__all__ = ["Worker", "main"]
