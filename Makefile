CARGO ?= cargo
# Flags for `make bench`, such as --quick or --only unchanged.
ARGS ?=
# For `make properties`.
CASES ?= 100000
# Nobody reads a longer file to its end.
MAX_LINES = 600

# Where `make install` puts things; DESTDIR is put before them.
PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)
# Programs that were linked to one minor version before 1.0 don't run with another.
SONAME := libhardsnap.so.$(basename $(VERSION))
BUILT = $(abspath $(or $(CARGO_TARGET_DIR),target))

.PHONY: help test test-c test-install test-python properties check header api wheel bench bench-pure install torture

help:
	@echo 'make test        all tests; as root, a second time as an ordinary user'
	@echo 'make properties  those of the retention calculator, each on CASES=100000 cases'
	@echo 'make torture     the C interface under Miri, where a nightly toolchain has it'
	@echo 'make check       formatting, lints, documentation, the header, length of files'
	@echo 'make header      include/hardsnap.h anew, after a change of the C interface'
	@echo 'make api         snapshot-core/public-api.txt anew, after a change of the Rust interface'
	@echo 'make wheel       the Python package, as a file that pip installs'
	@echo 'make install     the program, the C library and its header; PREFIX=$(PREFIX)'
	@echo 'make bench       hardsnap against rsync, cp and rm; ARGS="--help" lists the flags'
	@echo 'make bench-pure  filter, comparison, retention and the catalog, by themselves'

test:
	@# The tests of the command line have the binary built with the same
	@# features; the end-to-end tests would otherwise build it once more.
	$(CARGO) test --workspace --no-run
	HARDSNAP_BIN="$(BUILT)/debug/hardsnap" $(CARGO) test --workspace --no-fail-fast
	tests/as-user.sh
	tests/c/run.sh
	snapshot-py/test.sh

test-c:
	tests/c/run.sh

# Apart, because it builds for release.
test-install:
	tests/c/install.sh

test-python:
	snapshot-py/test.sh

# A debug build would take a quarter of an hour; `make test` tries 256 cases.
properties:
	PROPTEST_CASES=$(CASES) $(CARGO) test --release --package hardsnap --test retention_properties --test retention_syntax

# Miri runs what makes no system call: handles, pointers, panics.
torture:
	@if $(CARGO) +nightly miri --version >/dev/null 2>&1; then \
		$(CARGO) +nightly miri test --package hardsnap-capi --target-dir "$(BUILT)/miri"; \
	else \
		echo 'skipped: no nightly toolchain with Miri' >&2; \
	fi

check:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --no-deps --workspace
	@$(CARGO) run --quiet --package hardsnap-capi --example header | diff -u include/hardsnap.h - || \
	{ echo 'the header is not that of the sources: make header' >&2; exit 1; }
	@tests/public-api.sh | diff -u snapshot-core/public-api.txt - || \
	{ echo 'the public API is not the listed one: make api, and think of those who use it' >&2; exit 1; }
	@find . -path ./target -prune -o -name '*.rs' -exec wc -l {} + | \
	awk '$$2 != "total" && $$1 > $(MAX_LINES) { print $$2 ": " $$1 " lines, more than $(MAX_LINES)"; bad = 1 } \
	END { exit bad }'

header:
	$(CARGO) run --quiet --package hardsnap-capi --example header > include/hardsnap.h.new
	mv include/hardsnap.h.new include/hardsnap.h

api:
	tests/public-api.sh > snapshot-core/public-api.txt.new
	mv snapshot-core/public-api.txt.new snapshot-core/public-api.txt

# In a folder of its own, so that nothing has to be installed for it.
wheel:
	python3 -m venv "$(BUILT)/wheel"
	"$(BUILT)/wheel/bin/pip" wheel --quiet --no-deps --wheel-dir "$(BUILT)/wheels" ./snapshot-py
	@ls "$(BUILT)"/wheels/*.whl

install:
	$(CARGO) build --release --package hardsnap-cli
	$(CARGO) rustc --release --package hardsnap-capi --crate-type staticlib
	$(CARGO) rustc --release --package hardsnap-capi --crate-type cdylib -- -C link-arg=-Wl,-soname,$(SONAME)
	install -d "$(DESTDIR)$(BINDIR)" "$(DESTDIR)$(LIBDIR)/pkgconfig" "$(DESTDIR)$(INCLUDEDIR)"
	install -m 755 "$(BUILT)/release/hardsnap" "$(DESTDIR)$(BINDIR)/hardsnap"
	install -m 644 include/hardsnap.h "$(DESTDIR)$(INCLUDEDIR)/hardsnap.h"
	install -m 644 "$(BUILT)/release/libhardsnap.a" "$(DESTDIR)$(LIBDIR)/libhardsnap.a"
	install -m 755 "$(BUILT)/release/libhardsnap.so" "$(DESTDIR)$(LIBDIR)/libhardsnap.so.$(VERSION)"
	ln -sf libhardsnap.so.$(VERSION) "$(DESTDIR)$(LIBDIR)/$(SONAME)"
	ln -sf $(SONAME) "$(DESTDIR)$(LIBDIR)/libhardsnap.so"
	sed -e 's|@prefix@|$(PREFIX)|' -e 's|@libdir@|$(LIBDIR)|' -e 's|@includedir@|$(INCLUDEDIR)|' \
		-e 's|@version@|$(VERSION)|' snapshot-capi/hardsnap.pc.in > "$(DESTDIR)$(LIBDIR)/pkgconfig/hardsnap.pc"

bench:
	$(CARGO) bench --package hardsnap-benches --bench against_peers -- $(ARGS)

bench-pure:
	$(CARGO) bench --package hardsnap-benches --bench pure -- $(ARGS)
