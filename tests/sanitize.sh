#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The native engine's tests on a build with the address and undefined-behaviour sanitizers. The whole of
# Python runs inside them; leaks are not looked for, since the interpreter itself never frees everything.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-.venv/bin/python}
build=build/sanitize
PATH="$(dirname "$python"):$PATH"
cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DSHOAL_SANITIZE=ON -DPython_EXECUTABLE="$python" >/dev/null
cmake --build "$build" --target _native
mkdir -p "$build/shoal"
cp -r src/shoal/. "$build/shoal/"
cp "$build"/_native*.so "$build/shoal/"
libraries=$(c++ -print-file-name=libasan.so):$(c++ -print-file-name=libubsan.so)
# An editable install would lead `import shoal` back to the ordinary build: its finder is taken out first.
LD_PRELOAD=$libraries ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1 \
  PYTHONPATH="$build:tests" "$python" - "$@" <<'PYTHON'
import sys

sys.meta_path[:] = [finder for finder in sys.meta_path if "ScikitBuild" not in type(finder).__name__]
import pytest
import shoal._native

assert "sanitize" in shoal._native.__file__, shoal._native.__file__
sys.exit(pytest.main(["-p", "no:cacheprovider", "tests/test_native.py", "tests/test_losses.py", *sys.argv[1:]]))
PYTHON
