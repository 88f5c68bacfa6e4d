#!/bin/sh
# Runs all tests as an ordinary user; root starts it. Arguments go to cargo,
# say `--release`.
set -eu

cd "$(dirname "$0")/.."

skip() {
    echo "skipped: as-user.sh: $1" >&2
    exit 0
}
[ "$(id -u)" -eq 0 ] || skip "takes root"
command -v setpriv >/dev/null || skip "setpriv is not installed"
command -v python3 >/dev/null || skip "python3 is not installed"

user=65534
# The checkout may lie in a private folder, so all that is needed goes to one
# that everybody can read. Files for the tests themselves: in memory, if there.
programs=$(mktemp -d)
if [ -w /dev/shm ]; then memory=/dev/shm; else memory=${TMPDIR:-/tmp}; fi
scratch=$(mktemp -d "$memory/hardsnap-as-user-XXXXXX")
trap 'rm -rf "$programs" "$scratch"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
chmod 755 "$programs"
chown "$user:$user" "$scratch"

# Copies each program that cargo built to FOLDER/PACKAGE/NAME and prints it.
copy='
import json, os, shutil, sys
folder, kind = sys.argv[1:]
for line in sys.stdin:
    try:
        message = json.loads(line)
    except ValueError:
        continue
    built = message.get("executable")
    if not built or message["profile"]["test"] != (kind == "tests"):
        continue
    package = os.path.dirname(message["manifest_path"])
    target = os.path.join(folder, os.path.basename(package), os.path.basename(built))
    os.makedirs(os.path.dirname(target), 0o755, exist_ok=True)
    shutil.copy(built, target)
    os.chmod(target, 0o755)
    print(target)
'
# The tests of the command line have its program built too.
cargo test --workspace --no-run --message-format json-render-diagnostics "$@" >"$programs/built.json"
hardsnap=$(python3 -c "$copy" "$programs" programs <"$programs/built.json" | grep '/hardsnap$')
tests=$(python3 -c "$copy" "$programs" tests <"$programs/built.json")
[ -n "$hardsnap" ] && [ -n "$tests" ]
mkdir -p "$programs/tests"
cp -R tests/fixtures "$programs/tests/"
chmod -R a+rX "$programs"

failed=
for test in $tests; do
    echo "== $(basename "$test") as user $user"
    folder=$(dirname "$test")
    (
        cd "$folder"
        exec setpriv --reuid "$user" --regid "$user" --clear-groups -- \
            env -u CARGO HOME="$scratch" TMPDIR="$scratch" CARGO_MANIFEST_DIR="$folder" \
            HARDSNAP_BIN="$hardsnap" HARDSNAP_TEST_DIR="$scratch" "$test"
    ) || failed="$failed $(basename "$test")"
done
if [ -n "$(ls -A "$scratch")" ]; then
    echo "left behind: $(ls -A "$scratch")" >&2
    failed="$failed leftovers"
fi
[ -z "$failed" ] || { echo "failed:$failed" >&2; exit 1; }
