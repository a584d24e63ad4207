# SPDX-License-Identifier: Apache-2.0
"""Other builds of the native engine, and the tests run inside them: sanitizers, guard pages, another compiler.

    python tests/builds.py address                          builds it and runs the native suite in it
    python tests/builds.py guard tests/test_native.py -k odd     the same with other arguments for pytest

Each build lies in a folder of its own, `build/NAME`; the one that is installed is never touched.
"""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parent.parent
SUITE = (
    "test_native.py",
    "test_native_activations.py",
    "test_native_updates.py",
    "test_losses.py",
    "test_agreement.py",
    "test_bits.py",
    "test_crew.py",
    "test_divergence.py",
)

# Python is started by its path in the environment and knows its packages from there. An editable install would
# lead `import shoal` back to the ordinary build: its finder is taken out first, in every process.
SITE = """\
import sys

sys.meta_path[:] = [finder for finder in sys.meta_path if "ScikitBuild" not in type(finder).__name__]
"""


def runtime(library: str) -> str:
    """Where the compiler keeps the library of a sanitizer, to be loaded before Python."""
    asked = subprocess.run(["c++", f"-print-file-name={library}"], capture_output=True, text=True, check=True)
    return asked.stdout.strip()


@dataclass(frozen=True)
class Build:
    """One way to compile the engine, and how to run what uses it.

    Args:
        options: for CMake.
        preload: libraries of the compiler that must be there before Python.
        environment: added to that of the tests.
        wrapper: a command in front of Python's.
        suite: the tests run in it unless others are named.
    """

    options: tuple[str, ...] = ()
    preload: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    wrapper: tuple[str, ...] = ()
    suite: tuple[str, ...] = SUITE


BUILDS = {
    "plain": Build(),
    "clang": Build(("-DCMAKE_CXX_COMPILER=clang++",)),
    # Leaks are not looked for: the interpreter itself never frees everything. test_memory.py counts ours.
    "address": Build(
        ("-DSHOAL_SANITIZE=address,undefined",),
        ("libasan.so", "libubsan.so"),
        {"ASAN_OPTIONS": "detect_leaks=0", "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1"},
    ),
    # It wants its shadow where a randomised address space may put something else.
    "thread": Build(
        ("-DSHOAL_SANITIZE=thread",),
        ("libtsan.so",),
        {"TSAN_OPTIONS": f"suppressions={ROOT}/tests/thread.supp:halt_on_error=1:exitcode=66"},
        ("setarch", "-R"),
    ),
    # As it is installed, but with the names of its functions, for benchmarks/roofline.py.
    "symbols": Build(("-DCMAKE_BUILD_TYPE=RelWithDebInfo", "-DCMAKE_CXX_FLAGS_RELWITHDEBINFO=-O3 -g -DNDEBUG")),
    "guard": Build(("-DSHOAL_GUARD=ON",)),
    "guard-start": Build(("-DSHOAL_GUARD=ON",), environment={"SHOAL_GUARD": "start"}),
}


def compile_build(name: str) -> Path:
    """The folder with the package `shoal` around this build of the engine."""
    build = BUILDS[name]
    folder = ROOT / "build" / name.partition("-")[0]
    tools = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    configure = ["cmake", "-S", ROOT, "-B", folder, "-G", "Ninja", f"-DPython_EXECUTABLE={sys.executable}"]
    subprocess.run([*configure, *build.options], env=tools, check=True, stdout=subprocess.DEVNULL)
    made = subprocess.run(
        ["cmake", "--build", folder, "--target", "_native"], env=tools, capture_output=True, text=True, check=False
    )
    if made.returncode:
        raise SystemExit(f"{made.stdout}\n{made.stderr}")
    _furnish(folder)
    return folder


def _furnish(folder: Path) -> None:
    """A package of links: to the sources, and to the engine just built."""
    package = folder / "shoal"
    package.mkdir(exist_ok=True)
    for old in package.iterdir():
        if old.is_symlink():
            old.unlink()
    ours = [path for path in (ROOT / "src" / "shoal").iterdir() if path.name != "__pycache__"]
    for path in [*ours, *folder.glob("_native*.so")]:
        (package / path.name).symlink_to(path)
    (folder / "sitecustomize.py").write_text(SITE)


def run_in(name: str, command: Sequence[str], **options: object) -> subprocess.CompletedProcess[str]:
    """Run Python with these arguments on a build that `compile_build` has made."""
    build, folder = BUILDS[name], ROOT / "build" / name.partition("-")[0]
    environment = os.environ | build.environment | {"PYTHONPATH": f"{folder}:{ROOT / 'tests'}"}
    if build.preload:
        environment["LD_PRELOAD"] = ":".join(map(runtime, build.preload))
    run = [*build.wrapper, sys.executable, *command]
    return subprocess.run(run, env=environment, cwd=ROOT, text=True, check=False, **options)  # type: ignore[call-overload,no-any-return]


def main(name: str, *arguments: str) -> int:
    """Build, see that it is this build that is imported, and run the tests in it."""
    if name not in BUILDS:
        raise SystemExit(f"{name!r} is no build. Use one of {', '.join(BUILDS)}.")
    folder = compile_build(name)
    seen = run_in(name, ["-c", "import shoal._native; print(shoal._native.__file__)"], capture_output=True)
    if not seen.stdout.startswith(str(folder)):
        raise SystemExit(f"not {folder}'s engine was imported: {seen.stdout}{seen.stderr}")
    tests = arguments or [f"tests/{file}" for file in BUILDS[name].suite]
    return run_in(name, ["-m", "pytest", "-p", "no:cacheprovider", *tests]).returncode


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
