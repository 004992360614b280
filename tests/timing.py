"""Processor time for tests of growth: quadratic work must be caught, a busy machine must not be."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable


def cpu_seconds(work: Callable[[], object]) -> float:
    """Processor time of a call in seconds, without collections over the whole test process's heap: those take longer
    than what is measured, and fall where they like.
    """
    gc.collect()
    gc.disable()
    try:
        began = time.process_time()
        work()
        return time.process_time() - began
    finally:
        gc.enable()
