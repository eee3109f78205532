#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes .venv from a lock with hashes: `setup.sh runtime` for the demo, `setup.sh dev` for tests and lint.
# A second run that finds nothing changed returns at once. PYTHON names another interpreter than python3.
set -eu
cd "$(dirname "$0")/../.."
kind=${1:?runtime or dev}
lock=deploy/locks/$kind.txt

find_python() {
    for candidate in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    echo "Python 3.11 or newer is needed: install it, or name it as PYTHON=/path/to/python3" >&2
    exit 1
}

# What the environment was made from: the folder (its scripts hold it), the lock, the project's own metadata.
wanted=$( (pwd; cat "$lock" pyproject.toml "$0") | cksum)
for stamp in .venv/stamp.dev ".venv/stamp.$kind"; do  # the development environment holds the runtime's
    if [ "$stamp" = .venv/stamp.dev ]; then
        sum=$( (pwd; cat deploy/locks/dev.txt pyproject.toml "$0") | cksum)
    else
        sum=$wanted
    fi
    if [ "$(cat "$stamp" 2>/dev/null)" = "$sum" ]; then
        exit 0
    fi
done

python=$(find_python)
echo "Setting up .venv from $lock ($("$python" --version)); this happens once."
rm -f .venv/stamp.*
if ! .venv/bin/python -c 'import pip' 2>/dev/null; then
    rm -rf .venv
    "$python" -m venv .venv || {
        echo "Python's venv module is not whole: on Debian or Ubuntu, apt-get install python3-venv" >&2
        exit 1
    }
fi
pip() { PIP_DISABLE_PIP_VERSION_CHECK=1 .venv/bin/python -m pip install --quiet "$@"; }
pip --require-hashes --requirement "$lock"
pip --no-deps --no-build-isolation --editable .
echo "$wanted" > ".venv/stamp.$kind"
