#!/usr/bin/env bash
# Runs the kernels' tests on an instrumented build: memory and undefined behaviour, then races.
set -euo pipefail
cd "$(dirname "$0")/.."
"${PYTHON:-python3}" -m venv .sanitize
.sanitize/bin/pip install --quiet --constraint constraints.txt '.[dev]'
for kind in address,undefined thread; do
  echo "== $kind"
  .sanitize/bin/pip install --quiet --no-deps --force-reinstall . \
    --config-settings=cmake.define.SEMASCOPE_SANITIZE="$kind" \
    --config-settings=install.strip=false
  tests=(tests/reference/test_{kernels,native,clustered}.py)
  # polars, which the estimators load, does not start under ThreadSanitizer.
  [ "$kind" = thread ] || tests+=(tests/reference/test_refine.py)
  runtimes=()
  for library in asan ubsan tsan; do
    case "$kind:$library" in
      address*:asan | address*:ubsan | thread:tsan)
        runtimes+=("$(gcc -print-file-name="lib$library.so")") ;;
    esac
  done
  # Python itself is not instrumented: its memory at exit is no leak of ours, and torch's own
  # threads would be reported for locks that the checker cannot see.
  LD_PRELOAD="$(IFS=:; echo "${runtimes[*]}")" OMP_NUM_THREADS=1 \
    ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 \
    TSAN_OPTIONS=halt_on_error=1:exitcode=66 \
    .sanitize/bin/python -m pytest -q -p no:cacheprovider "${tests[@]}"
done
