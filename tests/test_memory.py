# SPDX-License-Identifier: Apache-2.0
"""The engine where memory ends: guard pages around buffers, and every request for memory refused in turn.

It compiles two small programs with the compiler that built Shoal; the suite itself runs between guard pages in
`make prove` (builds.py).
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

OVERRUN = """
#include <cstdlib>
#include "buffer.h"
int main(int, char** argv) {
  const shoal::Buffer buffer(std::atoi(argv[1]));
  volatile float* floats = buffer.data();
  for (int i = 0; i < buffer.size(); ++i) floats[i] = floats[i] + 1;
  const int at = std::atoi(argv[2]);
  if (argv[3][0] == 'r') return floats[at] == 1.0f ? 0 : 1;
  floats[at] = 2.0f;
  return 0;
}
"""


def compiled(folder: Path, source: Path, *options: str) -> Path:
    """What the compiler makes of one file."""
    program = folder / f"{source.stem}.out"
    subprocess.run(["c++", "-std=c++20", *options, "-o", program, source], check=True)
    return program


@pytest.fixture(scope="module")
def overrun(tmp_path_factory):
    """A program between guard pages that touches one float of a buffer: its exit code."""
    folder = tmp_path_factory.mktemp("overrun")
    source = folder / "overrun.cpp"
    source.write_text(OVERRUN)
    program = compiled(folder, source, "-DSHOAL_GUARD", f"-I{ROOT / 'native'}")

    def run(count: int, at: int, how: str, flush: str) -> int:
        environment = os.environ | {"SHOAL_GUARD": flush}
        return subprocess.run([program, str(count), str(at), how], env=environment, check=False).returncode

    return run


@pytest.mark.parametrize("how", ["read", "write"])
@pytest.mark.parametrize("count", [1, 16, 1023, 1024, 1025])
def test_one_float_beyond_a_guarded_buffer_ends_the_process(overrun, count, how):
    assert overrun(count, 0, how, "end") == overrun(count, count - 1, how, "start") == 0
    assert overrun(count, count, how, "end") == -signal.SIGSEGV
    assert overrun(count, -1, how, "start") == -signal.SIGSEGV


@pytest.fixture(scope="module")
def starve(tmp_path_factory):
    """Trains while requests for memory are refused: what the program prints."""
    folder = tmp_path_factory.mktemp("starve")
    library = compiled(folder, ROOT / "tests" / "starve.cpp", "-O1", "-shared", "-fPIC")

    def run(*arguments: str) -> str:
        environment = os.environ | {"LD_PRELOAD": str(library)}
        program = [sys.executable, ROOT / "tests" / "starved.py", *arguments]
        done = subprocess.run(program, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.mark.parametrize("how", ["once", "for-good"])
def test_wherever_memory_runs_out_there_is_a_typed_error_and_nothing_else(starve, how):
    first, *errors = starve("2", how, "11").splitlines()
    assert int(first.split()[0]) > 20
    assert any("threads could not be started: memory ran out" in error for error in errors)
    assert any("memory ran out in training. Use fewer threads" in error for error in errors)


@pytest.mark.prove
@pytest.mark.parametrize("how", ["once", "for-good"])
@pytest.mark.parametrize("threads", ["1", "2", "4"])
def test_every_single_request_for_memory_may_be_refused(starve, threads, how, proved):
    refused = int(starve(threads, how).splitlines()[0])
    assert refused > 200
    proved(
        f"{refused} requests for memory refused in turn ({how}, {threads} threads): a typed error, no leak, the "
        f"others' bits as they were"
    )
