"""What this machine has for running models: memory, and a GPU if there is one."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from indexer.encoders.device import gpu

_GPU_DEVICES = ("/dev/nvidiactl", "/dev/dxg", "/dev/kfd")
"""What a driver of NVIDIA, of Windows below Linux, or of AMD leaves."""
_CGROUPS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


@dataclass(frozen=True, slots=True)
class Machine:
    """Sizes in bytes; None where the system doesn't say."""

    memory: int | None
    """All that may be used: of the machine, or of the container."""
    free: int | None
    gpu: str | None = None
    """Its name, if the models can run on it."""
    gpu_memory: int = 0


def this_machine() -> Machine:
    """What is here. Loads torch only where a GPU's driver is installed: nothing else says whether it can be used."""
    memory, free = _memory(), free_memory()
    if memory is not None:
        memory = min([memory, *_container_limits()])
        free = None if free is None else min(free, memory)
    name, gpu_memory = (_has_driver() and gpu()) or (None, 0)
    return Machine(memory, free, name, gpu_memory)


def _has_driver() -> bool:
    return shutil.which("nvidia-smi") is not None or any(Path(device).exists() for device in _GPU_DEVICES)


def _memory() -> int | None:
    return _pages("SC_PHYS_PAGES")


def free_memory() -> int | None:
    """Bytes that can be had without swapping; the system's caches count as free. None where it doesn't say."""
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    return _pages("SC_AVPHYS_PAGES")


def _pages(name: str) -> int | None:
    if name not in getattr(os, "sysconf_names", {}):
        return None
    try:
        return os.sysconf(name) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return None


def _container_limits() -> list[int]:
    limits = []
    for path in _CGROUPS:
        try:
            limits.append(int(Path(path).read_text(encoding="ascii")))
        except (OSError, ValueError):  # no container, or `max`
            continue
    return limits
