#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# usage: venv.sh NAME PACKAGE==VERSION... : makes .build-interop/NAME with these packages unless it is there
# with exactly them, and prints its folder. Exits 3, and says why, if Python or the packages cannot be had.
set -euo pipefail
name=$1
shift
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
folder="$root/.build-interop/$name"
wanted="$*"
if [ -f "$folder/keyfold-packages" ] && [ "$(cat "$folder/keyfold-packages")" = "$wanted" ]; then
  echo "$folder"
  exit 0
fi
python=${KEYFOLD_INTEROP_PYTHON:-/usr/bin/python3}
fail() {
  echo "interop: $1" >&2
  exit 3
}
rm -rf "$folder"
mkdir -p "$root/.build-interop"
"$python" -m venv "$folder" >&2 || fail "$python cannot make a virtual environment; install python3-venv"
"$folder/bin/pip" install --quiet --disable-pip-version-check "$@" >&2 || fail "pip cannot install $wanted"
printf '%s' "$wanted" >"$folder/keyfold-packages"
echo "$folder"
