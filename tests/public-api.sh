#!/bin/sh
# Prints the public API of the core. Where the toolchain's documentation format
# is not known, prints what is checked in, and says so.
set -eu
cd "$(dirname "$0")/.."
cargo=${CARGO:-cargo}
target=${CARGO_TARGET_DIR:-target}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The format is not stable, and rustdoc wants to be told that this is known;
# told to the whole build, it would build all dependencies once more.
cat >"$work/rustdoc" <<'END'
#!/bin/sh
RUSTC_BOOTSTRAP=1 exec rustdoc "$@"
END
chmod +x "$work/rustdoc"
RUSTDOC="$work/rustdoc" "$cargo" rustdoc --quiet --package hardsnap --lib \
    -- -Z unstable-options --output-format json --cap-lints allow >&2

status=0
"$cargo" run --quiet --package hardsnap-tests --example public_api -- \
    "$target/doc/hardsnap.json" || status=$?
if [ "$status" = 3 ]; then
    echo "skipped: this toolchain describes the public API in a format that is not known" >&2
    cat snapshot-core/public-api.txt
    exit 0
fi
exit "$status"
