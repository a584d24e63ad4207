# SPDX-License-Identifier: Apache-2.0
"""Where and with what something is computed: machine, versions, engine. Facts only; no names of people or folders."""

import platform
import sys
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from shoal import __version__
from shoal.engines import Engine, usable_cores

LIBRARIES = ("numpy", "scipy", "msgspec", "altair", "vl-convert-python")


def provenance(engine: Engine) -> dict[str, Any]:
    """What a session of training is stored with, and a report prints."""
    return {"machine": machine(), "versions": versions(), "engine": engine_facts(engine)}


@cache
def machine() -> dict[str, Any]:
    """Processor, usable cores, operating system."""
    return {
        "processor": _processor(),
        "architecture": platform.machine(),
        "cores": usable_cores(),
        "system": f"{platform.system()} {platform.release()}",
    }


@cache
def versions() -> dict[str, str]:
    """Of Shoal, Python, and what the numbers and figures depend on."""
    found = {"shoal": __version__, "python": sys.version.split()[0]}
    return found | {name: _version(name) for name in LIBRARIES}


def engine_facts(engine: Engine) -> dict[str, Any]:
    """Its name, and where it has them its instruction set and number of threads."""
    facts = {name: getattr(engine, name, None) for name in ("name", "instruction_set", "threads")}
    return {name: value for name, value in facts.items() if value is not None}


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def _processor() -> str:
    """What the processor calls itself; Linux tells, other systems know it under another name."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
