#!/usr/bin/env bash
# Compiles the C programs in this folder and the examples, as C11 and as C++17,
# against the shared library and, once, the static one; runs each plainly, under
# the address sanitizer and, where there is one, under valgrind.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

cargo=${CARGO:-cargo}
target=${CARGO_TARGET_DIR:-target}
work=$(mktemp -d)
trap 'chmod -R u+w "$work" && rm -rf "$work"' EXIT

# `make install` has another one, without the function that panics.
$cargo build --quiet --package hardsnap-capi --features provoke-panic
lib=$(cd "$target/debug" && pwd)
python3 tests/c/garbage.py include/hardsnap.h >"$work/garbage.c"

flags=(-g -O1 -Wall -Wextra -Werror -pedantic -Iinclude -Itests/c -DHARDSNAP_PROVOKE_PANIC)
as_c=(gcc -std=c11 -D_POSIX_C_SOURCE=200809L)
as_cpp=(g++ -x c++ -std=c++17)
shared=(-x none -L"$lib" -lhardsnap -Wl,-rpath,"$lib")
static=(-x none "$lib/libhardsnap.a" -lgcc_s -lutil -lrt -lpthread -lm -ldl)

declare -A sources=(
    [store]=tests/c/store.c
    [catalog]=tests/c/catalog.c
    [restore]=tests/c/restore.c
    [verify]=tests/c/verify.c
    [stored_file]=tests/c/stored_file.c
    [retention]=tests/c/retention.c
    [garbage]="tests/c/garbage_main.c $work/garbage.c"
)

# A bug that is provoked would print how it came about.
export RUST_BACKTRACE=0

has() {
    command -v "$1" >/dev/null
}

run() {
    local name=$1 how=$2
    shift 2
    rm -rf "$work/folder" && mkdir "$work/folder"
    if "$@" "$work/folder" >"$work/output" 2>&1; then
        echo "ok: $name, $how"
    else
        cat "$work/output" >&2
        echo "failed: $name, $how" >&2
        exit 1
    fi
}

for name in "${!sources[@]}"; do
    # The sources of one program, as words.
    # shellcheck disable=SC2206
    files=(${sources[$name]})
    "${as_c[@]}" "${flags[@]}" -o "$work/$name-c" "${files[@]}" "${shared[@]}"
    run "$name" "as C" "$work/$name-c"
    if has g++; then
        "${as_cpp[@]}" "${flags[@]}" -o "$work/$name-cpp" "${files[@]}" "${shared[@]}"
        run "$name" "as C++" "$work/$name-cpp"
    fi
    "${as_c[@]}" "${flags[@]}" -fsanitize=address,undefined -fno-sanitize-recover=undefined \
        -o "$work/$name-asan" "${files[@]}" "${shared[@]}"
    run "$name" "under the address sanitizer" "$work/$name-asan"
    if has valgrind; then
        run "$name" "under valgrind" valgrind --quiet --leak-check=full --error-exitcode=9 \
            --suppressions=tests/c/valgrind.supp \
            --errors-for-leak-kinds=definite "$work/$name-c"
    fi
done
for program in g++ valgrind; do
    has "$program" || echo "skipped: $program is not installed"
done

"${as_c[@]}" "${flags[@]}" -o "$work/static" tests/c/store.c "${static[@]}"
run store "with the static library" "$work/static"

# The examples, as somebody would use them.
for name in daily changes; do
    "${as_c[@]}" "${flags[@]}" -o "$work/$name" "examples/c/$name.c" "${shared[@]}"
    if has g++; then
        "${as_cpp[@]}" "${flags[@]}" -o "$work/$name-cpp" "examples/c/$name.c" "${shared[@]}"
    fi
done
mkdir "$work/home" && echo text >"$work/home/file"
expect() {
    local code=$1 was=0
    shift
    "$@" >"$work/output" 2>&1 || was=$?
    if [ "$was" != "$code" ]; then
        cat "$work/output" >&2
        echo "failed: an example: $*: exit $was, not $code" >&2
        exit 1
    fi
}
expect 2 "$work/daily"
expect 10 "$work/daily" "$work/home" "$work/new"
[ ! -e "$work/new" ]
expect 0 "$work/daily" --init "$work/home" "$work/new"
grep -q '0 files linked, 1 copied (5 bytes)' "$work/output"
sleep 1
expect 0 "$work/daily" "$work/home" "$work/new"
grep -q '1 files linked, 0 copied' "$work/output"
cmp "$work/home/file" "$work/new/latest$work/home/file"
expect 11 flock "$work/new/.hardsnap/lock" "$work/daily" "$work/home" "$work/new"
expect 1 "$work/daily" "$work/missing" "$work/new"
echo "ok: daily, an example"

expect 2 "$work/changes"
expect 10 "$work/changes" "$work/home"
expect 1 "$work/changes" "$work/new" 1999
mv "$work/home/file" "$work/home/moved" && echo more >"$work/home/other"
sleep 1
expect 0 "$work/daily" "$work/home" "$work/new"
expect 0 "$work/changes" "$work/new"
grep -qx "moved     $work/home/moved < $work/home/file" "$work/output"
grep -qx "added     $work/home/other" "$work/output"
grep -q "^0 files, [0-9]* bytes are in 20.*Z alone$" "$work/output"
expect 1 env -C "$work" sh -c 'rm new/.hardsnap/catalog.db && ./changes new'
grep -q "reindex" "$work/output"
echo "ok: changes, an example"

# The scenario, which is the same for all languages.
"${as_c[@]}" "${flags[@]}" -o "$work/scenario" tests/c/scenario.c "${shared[@]}"
HARDSNAP_SCENARIO="C=$work/scenario" $cargo test --quiet --package hardsnap-tests --test scenario \
    >"$work/output" 2>&1 || { cat "$work/output" >&2; exit 1; }
echo "ok: the scenario"
