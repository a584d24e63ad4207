# SPDX-License-Identifier: Apache-2.0
"""All proofs in full, one line each: the tests marked `prove`, then the native suite in every other build.

`make prove` runs it on the installed build, in about twenty minutes on two cores. It ends with 1 if a proof fails,
after trying all of them.
"""

import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

from builds import BUILDS, ROOT, compile_build, run_in

SUITES = {
    "guard": "with a guard page right after every buffer",
    "guard-start": "with a guard page right before every buffer",
    "address": "under the address and undefined-behaviour sanitizers",
    "thread": "under the thread sanitizer",
    "clang": "on a build by clang",
}


class Refuted(Exception):
    """A proof that failed; says what was seen."""


def marked() -> Iterator[str]:
    """What the tests marked `prove` say of themselves."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-m", "prove", *sys.argv[1:]],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    yield from re.findall(r"^proved: (.*)$", done.stdout, re.MULTILINE)
    if done.returncode:
        raise Refuted(done.stdout + done.stderr)


def suite(build: str) -> Iterator[str]:
    """The native suite in another build."""
    compile_build(build)
    tests = [f"tests/{file}" for file in BUILDS[build].suite]
    done = run_in(build, ["-m", "pytest", "-p", "no:cacheprovider", *tests], capture_output=True)
    passed = re.search(r"(\d+) passed", done.stdout)
    if done.returncode or not passed:
        raise Refuted(done.stdout + done.stderr)
    yield f"{passed[1]} native tests pass {SUITES[build]}"


def compilers() -> Iterator[str]:
    """One hash of 200 random configs for gcc and clang and every instruction set with fma; another without."""
    hashes: dict[bool, dict[str, str]] = {True: {}, False: {}}
    for build in ("plain", "clang"):
        compile_build(build)
        named = (
            "from shoal.engines.native import *; print(*(f'{i}={NativeEngine(1, i).name}' for i in instruction_sets()))"
        )
        for entry in run_in(build, ["-c", named], capture_output=True).stdout.split():
            isa, name = entry.split("=")
            done = run_in(build, ["tests/courses.py", isa], capture_output=True)
            if done.returncode:
                raise Refuted(done.stderr)
            hashes[name == "native"][f"{isa} by {'c++' if build == 'plain' else build}"] = done.stdout.strip()
    for fused, found in hashes.items():
        if len(set(found.values())) > 1:
            raise Refuted("\n".join(f"{who}: {value}" for who, value in found.items()))
        kind = "with fma" if fused else "without fma"
        yield f"one hash ({next(iter(found.values()))[:12]}) of 200 random configs {kind}: {', '.join(found)}"


def main() -> int:
    """Try every proof, say what was shown, and return whether one failed."""
    proofs: list[tuple[str, Callable[[], Iterator[str]]]] = [("tests", marked), ("compilers", compilers)]
    proofs += [(build, lambda build=build: suite(build)) for build in SUITES]  # type: ignore[misc]
    failed = 0
    for name, proof in proofs:
        begun = time.perf_counter()
        try:
            for line in proof():
                print(f"proved: {line}", flush=True)
        except Refuted as seen:
            failed += 1
            print(f"FAILED: {name}\n{seen}", flush=True)
        print(f"        ({name}: {time.perf_counter() - begun:.0f} s)", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
