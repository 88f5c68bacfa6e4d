#!/usr/bin/env bash
# Installs into a folder of its own and builds the example against that, as
# somebody who has only what was installed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
make --silent install PREFIX="$work/usr"

if ! command -v pkg-config >/dev/null; then
    echo "skipped: pkg-config is not installed" >&2
    exit 0
fi
export PKG_CONFIG_PATH="$work/usr/lib/pkgconfig"
cp examples/c/daily.c "$work/"
cd "$work"
mkdir home && echo text >home/file
version=$(pkg-config --modversion hardsnap)
# The flags are words.
# shellcheck disable=SC2046
gcc -o daily daily.c $(pkg-config --cflags --libs hardsnap)
LD_LIBRARY_PATH="$work/usr/lib" ./daily --init home store
cmp home/file "store/latest$work/home/file"
rm -r store
# shellcheck disable=SC2046
gcc -o daily-static daily.c $(pkg-config --cflags hardsnap) usr/lib/libhardsnap.a \
    $(pkg-config --static --libs-only-l hardsnap | sed 's/-lhardsnap//')
./daily-static --init home store
"$work/usr/bin/hardsnap" list store
[ "$("$work/usr/bin/hardsnap" --version)" = "hardsnap $version" ]
readelf -d daily | grep -q "libhardsnap.so.${version%.*}"
echo "ok: what is installed can be used"
