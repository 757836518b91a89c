"""The GPUs of this machine and the numbers that models compute in on them."""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from serve_app.checks import Check
from serve_app.checks.subprocesses import ask_python, run
from serve_app.config import Args

_ASK_TORCH = """
import json, torch
count = torch.cuda.device_count() if torch.cuda.is_available() else 0
facts = [torch.cuda.get_device_properties(index) for index in range(count)]
print(json.dumps([[item.name, item.major, item.minor, item.total_memory >> 20] for item in facts]))
"""
_ASK_SMI = ("--query-gpu=name,compute_cap,memory.total", "--format=csv,noheader,nounits")


@dataclass(frozen=True)
class Gpu:
    """A device: its compute capability says which numbers its units multiply."""

    name: str
    capability: tuple[int, int]
    memory_mib: int

    def told(self) -> str:
        """A line about it."""
        major, minor = self.capability
        facts = f"{self.name}, {self.memory_mib / 1024:.0f} GiB, compute capability {major}.{minor}"
        return f"{facts}: {precision(self.capability)}"


def precision(capability: tuple[int, int]) -> str:
    """What models compute in, as `deployments.weights.placement` chooses, and fp8 where the device has units for it."""
    if capability >= (8, 9):
        return "bf16, and fp8 where a model offers it"
    if capability >= (8, 0):
        return "bf16"
    return "fp16" if capability >= (7, 0) else "fp16, slowly"


def gpu(args: Args | None) -> Iterator[Check]:
    """The devices that models can use: torch's word counts, nvidia-smi's where torch is not installed."""
    wanting = [entry.name for entry in args.models if entry.replicas.gpus] if args else []
    driver = from_driver()
    found = from_torch() if has_device_files() and find_spec("torch") is not None else None
    if found is None:
        found = driver
    elif not found and driver:
        told = f"{driver[0].name} is there, but the installed torch cannot use it"
        yield Check("GPU", "warning", told, "install the torch that fits its driver: https://pytorch.org/get-started")
        return
    for item in found:
        if item.capability >= (7, 0):
            yield Check("GPU", "ok", item.told())
        else:
            yield Check("GPU", "warning", item.told(), "models want compute capability 7.0 or newer")
    if not found:
        told = f"none; models with weights run on the processor in {cpu_precision()}"
        if wanting:
            told += f"; the configuration reserves GPUs for {', '.join(wanting)}"
            yield Check("GPU", "warning", told, "set gpus: 0 for them, or let their fallback answer")
        else:
            yield Check("GPU", "ok", told)


def has_device_files() -> bool:
    """Whether a driver for GPUs is loaded (NVIDIA's, AMD's, WSL's): torch takes seconds to say no without one."""
    return any(Path("/dev", name).exists() for name in ("nvidiactl", "kfd", "dxg"))


def from_torch(limit_s: float = 50) -> Sequence[Gpu] | None:
    """The devices that torch can use, None when it cannot be imported."""
    answer = ask_python(_ASK_TORCH, limit_s)
    return None if answer is None else [Gpu(name, (major, minor), mib) for name, major, minor, mib in answer]


def from_driver() -> Sequence[Gpu]:
    """The devices that NVIDIA's driver tells of."""
    smi = shutil.which("nvidia-smi")
    return parse_smi(run([smi, *_ASK_SMI], 10).stdout) if smi else []


def parse_smi(text: str) -> list[Gpu]:
    """nvidia-smi's lines `name, capability, MiB`; what is none is passed over."""
    found = []
    for line in text.splitlines():
        name, *facts = (part.strip() for part in line.rsplit(",", 2))
        try:
            major, _, minor = facts[0].partition(".")
            found.append(Gpu(name, (int(major), int(minor)), int(facts[1])))
        except (ValueError, IndexError):
            continue
    return found


def cpu_precision() -> str:
    """bf16 on a processor with instructions for it, else float32."""
    try:
        flags = Path("/proc/cpuinfo").read_text()
    except OSError:
        flags = ""
    return "bf16" if "avx512_bf16" in flags or "amx_tile" in flags else "float32"
