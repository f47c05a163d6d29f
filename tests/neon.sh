#!/usr/bin/env bash
# Builds the kernels for 64-bit ARM and runs their tests under emulation, where there is no such
# processor. Times under emulation mean nothing. On Debian it needs
#   apt-get install g++-aarch64-linux-gnu qemu-user mmdebstrap cmake
set -euo pipefail
cd "$(dirname "$0")/.."
host="${PYTHON:-python3}"
at="$PWD/.neon"
mkdir -p "$at"

# Debian's Python for ARM, unpacked and not installed: the emulator finds its libraries there.
debian=bookworm python=3.11
if [ ! -e "$at/root/usr/bin/python$python" ]; then
  mmdebstrap --quiet --architectures=arm64 --variant=extract \
    --include="python$python,libpython$python-dev,libstdc++6,libgomp1" "$debian" "$at/root"
fi

# The last torch of this kind without CUDA's libraries; the rest as in constraints.txt. Without
# dependencies, which pip would work out for this machine.
packages=(torch==2.9.1)
for name in numpy scipy safetensors filelock typing_extensions sympy mpmath networkx Jinja2 \
  MarkupSafe fsspec hypothesis sortedcontainers pytest pluggy iniconfig packaging Pygments rich \
  markdown-it-py mdurl scikit-learn joblib threadpoolctl narwhals polars polars-runtime-32 \
  cloudpickle; do
  packages+=("$(grep -i "^$name==" constraints.txt)")
done
if [ ! -e "$at/site/cloudpickle" ]; then
  "$host" -m pip install --quiet --target "$at/site" --no-deps --only-binary :all: \
    --implementation cp --python-version "$python" \
    --platform manylinux_2_28_aarch64 --platform manylinux_2_27_aarch64 \
    --platform manylinux2014_aarch64 --platform manylinux_2_17_aarch64 "${packages[@]}"
fi

if [ ! -e "$at/tools/nanobind" ]; then
  "$host" -m pip install --quiet --no-deps --target "$at/tools" \
    "$(grep -o 'nanobind==[0-9.]*' pyproject.toml)"
fi
cmake -S . -B "$at/build" -DCMAKE_BUILD_TYPE=Release \
  -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64 \
  -DCMAKE_CXX_COMPILER=aarch64-linux-gnu-g++ \
  -Dnanobind_DIR="$(PYTHONPATH="$at/tools" "$host" -m nanobind --cmake_dir)" \
  -DPython_EXECUTABLE="$(command -v "$host")" \
  -DPython_INCLUDE_DIR="$at/root/usr/include/python$python" \
  -DCMAKE_CXX_FLAGS="-isystem $at/root/usr/include" -DSKBUILD_SABI_VERSION= > "$at/cmake.log"
cmake --build "$at/build" --parallel >> "$at/cmake.log"

# The package with this extension in place of the machine's own.
rm -rf "$at/package"
mkdir -p "$at/package/semascope-0.dist-info"
printf 'Metadata-Version: 2.1\nName: semascope\nVersion: 0\n' \
  > "$at/package/semascope-0.dist-info/METADATA"
cp -r src/semascope "$at/package/"
rm -f "$at"/package/semascope/kernels/_core*
cp "$at"/build/_core*.so "$at/package/semascope/kernels/_core.so"

run() {
  env PYTHONPATH="$at/package:$at/site" PYTHONPYCACHEPREFIX="$at/bytecode" \
    qemu-aarch64 -L "$at/root" "$at/root/usr/bin/python$python" "$@"
}
run -c 'from semascope.kernels import native; print("kernels:", *native.choices())'
# Torch's own way is no business of ours here, and slow.
tests=("$@")
[ $# -gt 0 ] || tests=(-k neon tests/reference/test_{native,clustered,refine}.py)
OMP_NUM_THREADS=1 run -m pytest -q -p no:cacheprovider "${tests[@]}"
