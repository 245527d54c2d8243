# The two commands are `make run` and `make test`. Everything they need beyond a Rust toolchain, Python 3 and (for the
# tests of clients and of the UI) Node they install themselves.

CARGO_TARGET_DIR ?= target
export CARGO_TARGET_DIR
PYTHON := .venv/bin/python

.PHONY: run build profile test deps lint docs face features test-rust test-languages test-ffi test-miri test-races test-model test-kill test-sdk \
	what-is-only-compiled clients bench-python package install-ffi wasm api schema simulate bench fuzz help

help:
	@sed -n 's/^## //p' $(MAKEFILE_LIST)

include frontend/ui.mk

# The compiler is told what the server does most (`make profile`): a call takes a tenth less, an event of a stream an eighth. Functions
# that have changed since, and all of them where the compiler is another one, are compiled as always.
PROFILE := $(CURDIR)/amp-pool-server/profile/serving.profdata
ifeq ($(shell rustc -vV | sed -n 's/^host: //p') $(words $(CURDIR)),x86_64-unknown-linux-gnu 1)
BY_PROFILE := RUSTFLAGS="-Cprofile-use=$(PROFILE) -Cllvm-args=-no-pgo-warn-mismatch $(RUSTFLAGS)"
endif

## make run        build the UI when that is possible and needed, then start the server
run: ui-if-possible
	$(BY_PROFILE) cargo run --release --locked --package amp-pool-server

## make build      the server as `make run` starts it, in target/release, with the committed UI
build:
	$(BY_PROFILE) cargo build --release --locked --package amp-pool-server

## make profile    what the server does most, counted anew; takes a quarter of an hour and needs llvm-profdata
profile:
	amp-pool-server/profile/count

## make test       install what the tests need, and pass all of them
test: deps lint test-rust test-languages package
	$(MAKE) --no-print-directory --jobs=2 what-is-only-compiled clients
	$(MAKE) --no-print-directory test-e2e

# Side by side, because clients mostly wait: their servers for them, and they for their packages. A browser has the machine to itself.
what-is-only-compiled:
	$(ONE_BY_ONE) features docs wasm
clients:
	$(ONE_BY_ONE) test-ui check-ui test-sdk
# Without what this make tells those that it starts of how many may run at once.
ONE_BY_ONE := MAKEFLAGS= $(MAKE) --no-print-directory

deps:
	.ci/deps

## make lint       formatting and lints
lint:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- --deny warnings

## make docs       the documentation without a broken link; the public face of the library is the one that is listed
docs:
	.ci/face
	RUSTDOCFLAGS="--deny warnings" cargo doc --quiet --no-deps --locked --package amp-pool-server --package amp-pool-ffi

## make face       the list of the library's public face anew: amp-pool-core/tests/face.txt
face:
	.ci/face --renew

## make features   each feature alone, and none, without a warning
features:
	for features in "" pool sqlite reqwest postgres testkit schema; do \
		cargo clippy --quiet --locked --package amp-pool-core --no-default-features --features "$$features" -- --deny warnings || exit 1; \
	done
	cargo clippy --quiet --locked --package amp-pool-server -- --deny warnings
	cargo clippy --quiet --locked --package amp-pool-server --no-default-features -- --deny warnings
	cargo clippy --quiet --locked --package amp-pool-ffi --no-default-features -- --deny warnings
	! cargo tree --locked --package amp-pool-core --no-default-features --edges normal --prefix none | grep -E '^(tokio|tower|reqwest|rusqlite) '

## make test-rust  every Rust test and example; properties on the same cases each time (plain `cargo test` takes new ones)
test-rust:
	PROPTEST_RNG_SEED=1 AMP_POOL_VALGRIND=$(shell command -v valgrind) cargo test --workspace --locked

## make test-model  budgets against a model, a million steps; make test-kill: 50 rounds of kill -9 under load
test-model:
	AMP_POOL_MODEL_STEPS=1000000 cargo test --release --locked --package amp-pool-core --test budget_model -- --nocapture
test-kill:
	AMP_POOL_KILL_ROUNDS=50 cargo test --locked --package amp-pool-server --test hardship kill_9 -- --nocapture

## make test-languages  the C ABI from C, Python, Node and Go, beside an upstream by script
NODE_EXAMPLE := examples/node/node_modules
# Those that the tests were built with: alone they would have other features, and be compiled once more.
FFI := $(abspath $(CARGO_TARGET_DIR))/debug/deps
# Where the C library is installed as a package would have it: programs find it by pkg-config alone.
INSTALLED := $(abspath $(CARGO_TARGET_DIR))/installed
FOR_PKG_CONFIG := PKG_CONFIG_SYSROOT_DIR=$(INSTALLED) PKG_CONFIG_LIBDIR=$(INSTALLED)/opt/amp-pool/lib/pkgconfig
PKG_CONFIG := $(FOR_PKG_CONFIG) pkg-config
# It has no dependency to download, shall not try to get another Go either, and needs neither a home nor what git says.
GO := $(FOR_PKG_CONFIG) GOCACHE=$(INSTALLED)/go-cache GOPATH=$(INSTALLED)/go-path GOPROXY=off GOTOOLCHAIN=local GOFLAGS=-buildvcs=false go
STRICT_C := cc -std=c11 -Wall -Wextra -Werror -pedantic
BESIDE_UPSTREAM = LD_LIBRARY_PATH=$(INSTALLED)/opt/amp-pool/lib $(CARGO_TARGET_DIR)/debug/upstream
test-languages: $(NODE_EXAMPLE)/made-from
	cargo test --workspace --locked --no-run
	$(MAKE) --no-print-directory install-ffi LIBRARIES=$(FFI) DESTDIR=$(INSTALLED) PREFIX=/opt/amp-pool
	$(STRICT_C) examples/c/demo.c $$($(PKG_CONFIG) --cflags --libs amp_pool) -lpthread -o $(INSTALLED)/shared
	$(STRICT_C) examples/c/demo.c $$($(PKG_CONFIG) --static --cflags --libs amp_pool | sed 's/-lamp_pool/-l:libamp_pool.a/') -o $(INSTALLED)/static
	$(BESIDE_UPSTREAM) $(INSTALLED)/shared
	env --unset LD_LIBRARY_PATH $(CARGO_TARGET_DIR)/debug/upstream $(INSTALLED)/static
	$(BESIDE_UPSTREAM) python3 examples/python/demo.py
	$(BESIDE_UPSTREAM) node examples/node/demo.mjs
	cd examples/go && test -z "$$(gofmt -l .)" && $(GO) vet ./... && $(GO) build -o $(INSTALLED)/go .
	$(BESIDE_UPSTREAM) $(INSTALLED)/go

$(NODE_EXAMPLE)/made-from: examples/node/package-lock.json
	cd examples/node && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error && touch node_modules/made-from

## make test-ffi   the C ABI at length: valgrind, 16 threads with 10,000 calls each, 1,000 loads
test-ffi:
	AMP_POOL_VALGRIND=1 AMP_POOL_CALLS=10000 AMP_POOL_LOADS=1000 cargo test --locked --workspace --test c -- --nocapture --test-threads 1
	cargo test --locked --package amp-pool-ffi --no-default-features --lib

## make test-miri  handles, pointers, events and the mailbox under Miri; needs a nightly toolchain with miri and rust-src
MIRI := cargo +nightly miri test --locked --package amp-pool-ffi --no-default-features --lib --
test-miri:
	MIRIFLAGS=-Zmiri-disable-isolation $(MIRI) table:: raw:: events:: mailbox:: status::
	# What panics while it is thrown away is leaked on purpose.
	MIRIFLAGS="-Zmiri-disable-isolation -Zmiri-ignore-leaks" $(MIRI) guard::

## make test-races 16 threads at the C ABI under ThreadSanitizer; needs a nightly toolchain with rust-src
# What is compiled from C is not looked into (SQLite, the assembly of ring) but for its memcpy, of which one use by SQLite is excused.
# The 16 threads run none of it: their pools are in memory, the upstream is on loopback without TLS. The standard library is compiled anew, so that its locks are known for what they are.
# Without the server, as it was seen to run: what threads share of the library is the same with it.
test-races:
	TSAN_OPTIONS=suppressions=$(abspath amp-pool-ffi/tests/tsan.supp) RUSTFLAGS=-Zsanitizer=thread AMP_POOL_CALLS=$${AMP_POOL_CALLS:-200} \
		cargo +nightly test -Zbuild-std --target $$(rustc --print host-tuple) --locked --package amp-pool-ffi --no-default-features --lib --test threads

## make bench-python  an event of a stream in Python beside the same in Rust
bench-python:
	cargo build --release --locked --package amp-pool-ffi
	cargo build --release --locked --package amp-pool-examples --bin measure --bin upstream
	AMP_POOL_LIBRARY=$(abspath $(CARGO_TARGET_DIR)/release/libamp_pool.so) $(CARGO_TARGET_DIR)/release/upstream \
		python3 examples/python/measure.py 20000 $(CARGO_TARGET_DIR)/release/measure

## make package    the crates as they would be published, and a program that depends on them
package:
	.ci/package

PREFIX ?= /usr/local
## make install-ffi  the C library, its header and its pkg-config file, into PREFIX (/usr/local) below DESTDIR; as built for
##                 release, or as they lie in LIBRARIES
install-ffi:
	$(if $(LIBRARIES),,cargo build --release --locked --package amp-pool-ffi)
	install -d $(DESTDIR)$(PREFIX)/include $(DESTDIR)$(PREFIX)/lib/pkgconfig
	install -m 644 amp-pool-ffi/include/amp_pool.h $(DESTDIR)$(PREFIX)/include
	install -m 755 $(or $(LIBRARIES),$(CARGO_TARGET_DIR)/release)/libamp_pool.so $(DESTDIR)$(PREFIX)/lib/libamp_pool.so.1
	install -m 644 $(or $(LIBRARIES),$(CARGO_TARGET_DIR)/release)/libamp_pool.a $(DESTDIR)$(PREFIX)/lib
	ln --force --symbolic libamp_pool.so.1 $(DESTDIR)$(PREFIX)/lib/libamp_pool.so
	sed 's|@PREFIX@|$(PREFIX)|; s|@VERSION@|$(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)|' amp-pool-ffi/amp_pool.pc.in \
		>$(DESTDIR)$(PREFIX)/lib/pkgconfig/amp_pool.pc

## make wasm       the pure part of the library builds for wasm
wasm:
	.ci/wasm

## make api        openapi.json anew of the code, and the UI's types of it
api:
	AMP_POOL_UPDATE_OPENAPI=1 cargo test --locked --package amp-pool-server --test openapi the_document
	$(MAKE) --no-print-directory types ui

## make schema     the schema of SQLite anew of its steps: migrations/sqlite.sql
schema:
	AMP_POOL_UPDATE_SCHEMA=1 cargo test --locked --package amp-pool-core --lib whole::tests::the_schema

# The server that clients are tried with is the one that Rust's tests were: alone it would have other features, and be compiled once more.
TESTED_SERVER := cargo test --workspace --locked --no-run --quiet
## make test-sdk   real clients against the real server: SDKs, LangChain, the AI SDK, Claude Code and Codex
test-sdk:
	.ci/python
	.ci/node
	$(TESTED_SERVER)
	AMP_POOL_SERVER=$(CARGO_TARGET_DIR)/debug/amp-pool-server $(PYTHON) -m pytest -q amp-pool-server/tests/sdk
	AMP_POOL_SERVER=$(abspath $(CARGO_TARGET_DIR)/debug/amp-pool-server) AMP_POOL_PYTHON=$(abspath $(PYTHON)) \
	  node --test --test-reporter=spec amp-pool-server/tests/node/*.test.mjs

## make simulate   a day of a pool's traffic in fast motion: the pool's choice beside plain ones
simulate:
	cargo run --release --locked --quiet --package amp-pool-examples --bin simulate

## make bench      the pool beside a bare reverse proxy, over loopback
bench: build
	cargo bench --locked --package amp-pool-server --bench loopback -- --server $(abspath $(CARGO_TARGET_DIR))/release/amp-pool-server $(BENCH)

FUZZ_SECONDS ?= 60
# The sanitizer needs a nightly compiler or leave to act as one, and finds only what unsafe code does, of which there is none.
FUZZ := RUSTC_BOOTSTRAP=1 cargo fuzz run --sanitizer none --target-dir $(abspath $(CARGO_TARGET_DIR))/fuzz
## make fuzz       each fuzz target for FUZZ_SECONDS (60); needs cargo-fuzz
fuzz:
	cd amp-pool-core && for target in fuzz/fuzz_targets/*.rs; do \
		name=$$(basename $$target .rs); new=$(abspath $(CARGO_TARGET_DIR))/fuzz/corpus/$$name; mkdir -p $$new; \
		$(FUZZ) $$name $$new fuzz/corpus/$$name -- \
			-max_total_time=$(FUZZ_SECONDS) -timeout=20 -dict=fuzz/formats.dict || exit 1; \
	done
