#!/usr/bin/env bash
# Builds the wheel and tests it in a virtual environment of its own, below
# cargo's target folder: pytest (as root, a second time as an ordinary user), and
# the types by mypy, pyright and stubtest. Arguments go to pytest. PYTHON names
# another interpreter than python3.
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
public=$(mktemp -d)
trap 'chmod -R u+w "$scratch" && rm -rf "$scratch" "$public"' EXIT

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
pytest=(-m pytest -p no:cacheprovider)
python "${pytest[@]}" --config-file "$settings" --rootdir "$tests" \
    --basetemp "$scratch/tests" "$tests" "$@"
# What they leave for a look counts in memory, a million of files.
chmod -R u+w "$scratch" && rm -rf "$scratch/tests"

as_user() {
    local user=65534 home=$scratch/user interpreter packages
    # setpriv itself can still run everything.
    local as=(setpriv --reuid "$user" --regid "$user" --clear-groups -- env)
    if ! command -v setpriv >/dev/null; then
        echo "skipped: as an ordinary user: setpriv is not installed" >&2
        return
    fi
    # One in root's home can be run by nobody else.
    interpreter=$(readlink -f "$venv/bin/python")
    "${as[@]}" "$interpreter" -c '' 2>/dev/null || interpreter=/usr/bin/python$version
    if ! "${as[@]}" "$interpreter" -c '' 2>/dev/null; then
        echo "skipped: as an ordinary user: there is no Python $version that it may run" >&2
        return
    fi
    # The checkout may lie in a private folder, too, so all that is needed goes to
    # one that everybody can read.
    packages=$(python -c 'import sysconfig; print(sysconfig.get_path("platlib"))')
    mkdir "$public/snapshot-py" "$public/examples"
    cp -R "$packages" "$public/packages"
    cp -R "$settings" "$tests" "$public/snapshot-py"
    cp -R "$examples" "$public/examples"
    chmod -R a+rX "$public"
    mkdir -p "$home/tmp"
    chown -R "$user:$user" "$home"
    chmod 711 "$scratch"
    echo "== as user $user"
    (
        cd "$home"
        "${as[@]}" HOME="$home" TMPDIR="$home/tmp" PYTHONPATH="$public/packages" \
            "$interpreter" "${pytest[@]}" --config-file "$public/snapshot-py/pyproject.toml" \
            --rootdir "$public/snapshot-py/tests" --basetemp "$home/tests" \
            "$public/snapshot-py/tests" "$@"
    )
    if [ -n "$(ls -A "$home/tmp")" ]; then
        echo "left behind: $(ls -A "$home/tmp")" >&2
        return 1
    fi
}
if ((EUID == 0)); then
    as_user "$@"
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
