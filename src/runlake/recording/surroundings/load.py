"""How busy the machine is while a run is open: series named as MLflow names them, sampled by a thread of their own."""

from __future__ import annotations

import contextlib
import importlib
import os
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from runlake.guard import guarded
from runlake.recording.telling import say

if TYPE_CHECKING:
    from runlake.recording.runs import ActiveRun

__all__ = ["Load", "load_of"]

MEGABYTE = 1e6


def load_of(run: ActiveRun, seconds: float) -> Load | None:
    """Sample until it is stopped; None, and a word to the user, where the library for it is not there."""
    try:
        psutil = importlib.import_module("psutil")
    except ImportError:
        say("runlake: system metrics need psutil, and the run goes on without them: pip install 'runlake[machine]'")
        return None
    return Load(run, seconds, psutil)


class Load:
    """Samples for one run: every so many seconds, and once at its end."""

    def __init__(self, run: ActiveRun, seconds: float, psutil: Any) -> None:
        self._run = run
        self._seconds = seconds
        self._psutil = psutil
        self._process = psutil.Process()
        self._network = psutil.net_io_counters()
        self._gpus = _Gpus()
        self._step = 0
        self._over = threading.Event()
        self._sampling = threading.Lock()
        psutil.cpu_percent()  # which says how busy it was since it was last asked
        self._process.cpu_percent()
        self._thread = threading.Thread(target=self._go_on, name="runlake-load", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Take the last sample."""
        self._over.set()
        if self._process.pid == os.getpid():  # not in a forked child, which the thread is not in
            self._sample()

    def _go_on(self) -> None:
        while not self._over.wait(self._seconds):
            with guarded("looking how busy the machine is"):
                self._sample()

    def _sample(self) -> None:
        with self._sampling:
            self._run.offered.log_metrics({f"system/{name}": value for name, value in self._measured()}, step=self._step)
            self._step += 1

    def _measured(self) -> Iterator[tuple[str, float]]:
        psutil = self._psutil
        yield "cpu_utilization_percentage", psutil.cpu_percent()
        memory = psutil.virtual_memory()
        yield "system_memory_usage_megabytes", memory.used / MEGABYTE
        yield "system_memory_usage_percentage", memory.percent
        yield "process_cpu_percentage", self._process.cpu_percent()
        yield "process_memory_megabytes", self._process.memory_info().rss / MEGABYTE
        disk = psutil.disk_usage(os.sep)
        yield "disk_usage_megabytes", disk.used / MEGABYTE
        yield "disk_usage_percentage", disk.percent
        yield "disk_available_megabytes", disk.free / MEGABYTE
        network = psutil.net_io_counters()
        if network is not None and self._network is not None:  # None where there is no network at all
            yield "network_receive_megabytes", (network.bytes_recv - self._network.bytes_recv) / MEGABYTE
            yield "network_transmit_megabytes", (network.bytes_sent - self._network.bytes_sent) / MEGABYTE
        yield from self._gpus.measured()


class _Gpus:
    """What NVIDIA's library says of its devices; nothing where it or they are not there."""

    def __init__(self) -> None:
        self._handles: list[Any] = []
        try:
            self._library: Any = importlib.import_module("pynvml")
        except ImportError:
            return
        with contextlib.suppress(self._library.NVMLError):  # there is no driver
            self._library.nvmlInit()
            self._handles = [self._library.nvmlDeviceGetHandleByIndex(number) for number in range(self._library.nvmlDeviceGetCount())]

    def measured(self) -> Iterator[tuple[str, float]]:
        """By device; what one does not tell is left out."""
        for number, handle in enumerate(self._handles):
            for name, value in self._of(handle):
                yield f"gpu_{number}_{name}", value

    def _of(self, handle: Any) -> Iterator[tuple[str, float]]:
        library = self._library
        with contextlib.suppress(library.NVMLError):
            memory = library.nvmlDeviceGetMemoryInfo(handle)
            yield "memory_usage_megabytes", memory.used / MEGABYTE
            yield "memory_usage_percentage", 100 * memory.used / memory.total
        with contextlib.suppress(library.NVMLError):
            yield "utilization_percentage", library.nvmlDeviceGetUtilizationRates(handle).gpu
        with contextlib.suppress(library.NVMLError):
            yield "power_usage_watts", library.nvmlDeviceGetPowerUsage(handle) / 1000
