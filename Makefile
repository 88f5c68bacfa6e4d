CARGO ?= cargo
# Flags for `make bench`, such as --quick or --only unchanged.
ARGS ?=
# Nobody reads a longer file to its end.
MAX_LINES = 600

.PHONY: help test check bench

help:
	@echo 'make test    all tests; as root, a second time as an ordinary user'
	@echo 'make check   formatting, lints, documentation, length of files'
	@echo 'make bench   hardsnap against rsync and cp; ARGS="--help" lists the flags'

test:
	@# The tests of the command line have the binary built with the same
	@# features; the end-to-end tests would otherwise build it once more.
	$(CARGO) test --workspace --no-run
	HARDSNAP_BIN="$(abspath $(or $(CARGO_TARGET_DIR),target))/debug/hardsnap" $(CARGO) test --workspace --no-fail-fast
	tests/as-user.sh

check:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	@# The library and the program share a name, and so a page: one run each.
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --no-deps --workspace --exclude hardsnap-cli
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --no-deps --package hardsnap-cli
	@find . -path ./target -prune -o -name '*.rs' -exec wc -l {} + | \
	awk '$$2 != "total" && $$1 > $(MAX_LINES) { print $$2 ": " $$1 " lines, more than $(MAX_LINES)"; bad = 1 } \
	END { exit bad }'

bench:
	$(CARGO) bench --package hardsnap-benches -- $(ARGS)
