# The two commands are `make run` and `make test`. Everything they need beyond a Rust toolchain, Python 3 and (for the
# tests of clients and of the UI) Node they install themselves.

CARGO_TARGET_DIR ?= target
export CARGO_TARGET_DIR
PYTHON := .venv/bin/python

.PHONY: api test-model test-kill run simulate test test-rust test-sdk lint wasm bench fuzz deps help

help:
	@sed -n 's/^## //p' $(MAKEFILE_LIST)

include frontend/ui.mk

## make run        build the UI when that is possible and needed, then start the server
run: ui-if-possible
	cargo run --release --locked --package amp-pool-server

## make test       install what the tests need, and pass all of them
test: deps lint test-rust wasm test-ui check-ui test-sdk test-e2e

deps:
	.ci/deps

## make lint       formatting and lints
lint:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- --deny warnings

## make test-rust  every Rust test and example; properties on the same cases each time (plain `cargo test` takes new ones)
test-rust:
	PROPTEST_RNG_SEED=1 cargo test --workspace --locked
	cargo check --package amp-pool-core --no-default-features --locked
	cargo check --package amp-pool-core --no-default-features --features pool --locked
	cargo run --locked --quiet --package amp-pool-examples --bin first_answer
	cargo run --locked --quiet --package amp-pool-examples --bin translate -- --from chat --to messages \
		--model claude-sonnet-4-5 examples/translate/request.json examples/translate/answer.sse examples/translate/answer.json
	cargo run --locked --quiet --package amp-pool-examples --bin simulate -- --minutes 10

## make test-model  budgets against a model, a million steps; make test-kill: 50 rounds of kill -9 under load
test-model:
	AMP_POOL_MODEL_STEPS=1000000 cargo test --release --locked --package amp-pool-core --test budget_model -- --nocapture
test-kill:
	AMP_POOL_KILL_ROUNDS=50 cargo test --locked --package amp-pool-server --test hardship kill_9 -- --nocapture

## make wasm       the pure part of the library builds for wasm
wasm:
	.ci/wasm

## make api        openapi.json anew of the code, and the UI's types of it
api:
	AMP_POOL_UPDATE_OPENAPI=1 cargo test --locked --package amp-pool-server --test openapi the_document
	$(MAKE) --no-print-directory types ui

## make test-sdk   real clients against the real server: SDKs, LangChain, the AI SDK, Claude Code and Codex
test-sdk:
	.ci/python
	.ci/node
	cargo build --locked --package amp-pool-server
	AMP_POOL_SERVER=$(CARGO_TARGET_DIR)/debug/amp-pool-server $(PYTHON) -m pytest -q amp-pool-server/tests/sdk
	AMP_POOL_SERVER=$(abspath $(CARGO_TARGET_DIR)/debug/amp-pool-server) AMP_POOL_PYTHON=$(abspath $(PYTHON)) \
	  node --test --test-reporter=spec amp-pool-server/tests/node/*.test.mjs

## make simulate   a day of a pool's traffic in fast motion: the pool's choice beside plain ones
simulate:
	cargo run --release --locked --quiet --package amp-pool-examples --bin simulate

## make bench      the pool beside a bare reverse proxy, over loopback
bench:
	cargo bench --locked --package amp-pool-server --bench loopback

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
