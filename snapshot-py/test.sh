#!/usr/bin/env bash
# Builds the wheel and tests it in a virtual environment of its own, below
# cargo's target folder: pytest, and the types by mypy, pyright and stubtest.
# Arguments go to pytest. PYTHON names another interpreter than python3.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

python=${PYTHON:-python3}
skip() {
    echo "skipped: snapshot-py: $1" >&2
    exit 0
}
command -v "$python" >/dev/null || skip "$python is not installed"
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' ||
    skip "Python is $version, and 3.10 or newer is needed"
"$python" -c 'import ensurepip, venv' 2>/dev/null || skip "Python has no venv (package python3-venv)"

target=${CARGO_TARGET_DIR:-../target}
mkdir -p "$target"
export CARGO_TARGET_DIR
CARGO_TARGET_DIR=$(cd "$target" && pwd)
venv=$CARGO_TARGET_DIR/python-$version
# Files for the tests themselves: in memory, if there.
if [ -w /dev/shm ]; then memory=/dev/shm; else memory=${TMPDIR:-/tmp}; fi
scratch=$(mktemp -d "$memory/hardsnap-python-XXXXXX")
trap 'chmod -R u+w "$scratch" && rm -rf "$scratch"' EXIT

if [ ! -x "$venv/bin/stubtest" ] || [ requirements.txt -nt "$venv/ready" ]; then
    rm -rf "$venv"
    "$python" -m venv "$venv"
    "$venv/bin/pip" install --quiet --requirement requirements.txt
    touch "$venv/ready"
fi
export PATH="$venv/bin:$PATH" PYTHONDONTWRITEBYTECODE=1

# As `make test` has built the other crates: a release takes minutes.
maturin build --quiet --profile dev --out "$scratch/wheels"
pip install --quiet --no-index --no-deps --force-reinstall "$scratch"/wheels/*.whl

# The scenario, which is the same for all languages.
HARDSNAP_SCENARIO="Python=$venv/bin/python $(cd .. && pwd)/tests/scenario/scenario.py" \
    "${CARGO:-cargo}" test --quiet --package hardsnap-tests --test scenario >"$scratch/output" 2>&1 ||
    { cat "$scratch/output" >&2; exit 1; }
echo "ok: the scenario"

# Away from the sources, so that only what is installed is imported.
tests=$PWD/tests
examples=$(cd ../examples/python && pwd)
settings=$PWD/pyproject.toml
cd "$scratch"
export MYPY_CACHE_DIR=$CARGO_TARGET_DIR/python-cache
pytest=(python -m pytest --config-file "$settings" --rootdir "$tests" -p no:cacheprovider
    --basetemp "$scratch/tests")
"${pytest[@]}" "$tests" "$@"
if ((EUID == 0)) && command -v setpriv >/dev/null; then
    # Without the right to read everything, and so with errors.
    setpriv --bounding-set=-dac_override,-dac_read_search --inh-caps=-all \
        "${pytest[@]}" --quiet "$tests/test_errors.py"
fi
mypy --config-file "$settings" "$tests" "$examples"
mypy --config-file "$settings" --package hardsnap
stubtest --allowlist "$tests/stubtest.txt" hardsnap
if command -v node >/dev/null; then
    # Its first run fetches the checker itself.
    if pyright --version >/dev/null 2>&1; then
        pyright --project "$settings" "$tests" "$examples" "$(python -c \
            'import hardsnap; print(hardsnap.__path__[0])')"
        pyright --ignoreexternal --verifytypes hardsnap | tail -n 4
    else
        echo "skipped: pyright cannot be fetched" >&2
    fi
else
    echo "skipped: pyright takes node" >&2
fi
echo "ok: Python $version"
