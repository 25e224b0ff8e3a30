# The commands of this repository. `make` alone lists them.

ARGS ?=
TARGET ?= transaction
TIME ?= 60
PROFILE ?= dev
BINDIR ?= $(or $(CARGO_HOME),$(HOME)/.cargo)/bin
TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)

.DEFAULT_GOAL := help
.PHONY: help setup build install package devnet test soak lint bench fuzz doc clean

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

setup: ## install what is missing here; done at once when nothing is
	@scripts/setup.sh

# Cargo joins the features of all that one command selects. Naming the whole workspace and any one test selects what
# `cargo test --workspace` does, so that `make devnet` after `make test`, or the reverse, compiles nothing twice.
build: setup ## compile the node, diemd
	cargo build --workspace --bin diemd --test rooms

# What `make devnet` runs, so that nothing is compiled twice; a validator wants PROFILE=release, which takes minutes more.
install: setup ## put diemd into ~/.cargo/bin, or into BINDIR=FOLDER; PROFILE=release optimises it
	cargo build --workspace --bin diemd --test rooms --profile $(PROFILE)
	@install -D -m 755 "$(TARGET_DIR)/$(PROFILE:dev=debug)/diemd" "$(BINDIR)/diemd"
	@case ":$$PATH:" in \
		*":$(BINDIR):"*) echo "$(BINDIR)/diemd is installed" ;; \
		*) echo "$(BINDIR)/diemd is installed, but this shell does not look there: export PATH=\"$(BINDIR):\$$PATH\"" ;; \
	esac

# What others install is optimised; PROFILE=dev packs what the tests compile.
package: PROFILE = release
package: setup ## pack both programs, unit, rules, pages: one archive, the same twice from the same commit
	cargo build --workspace --bin diemd --test rooms --profile $(PROFILE)
	@PROFILE=$(PROFILE) scripts/package.sh

devnet: build ## run a local chain of four validators; ARGS="..." goes on to `diemd devnet`
	@exec $(TARGET_DIR)/debug/diemd devnet $(ARGS)

# The mint curve is computed at genesis: its table must be the same at every optimisation level.
# Where Node.js is, the tests against a local Base are not left out, and neither is what scripts/abilities.sh finds possible.
test: setup ## run every test
	@scripts/contracts.sh install
	TESTS_NEED_ANVIL=$$(test -f contracts/node_modules/.package-lock.json && echo yes) \
		TESTS_NEED="$$(scripts/abilities.sh)" cargo test --workspace
	@for level in 0 3; do \
		cargo test --workspace --test computed_table --config profile.dev.package.diem-diem.opt-level=$$level || exit 1; \
	done
	@scripts/contracts.sh

soak: setup ## run tests at their full size: ARGS="collect simulation"; without ARGS, list them
	@PROFILE=$(PROFILE) scripts/soak.sh $(ARGS)

lint: setup ## check format and lints; warnings fail
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings

bench: setup ## measure, with optimisation; one table, and bench.json in the target folder
	cargo run --release -p diem-bench -- $(ARGS)

# What is found new lies in the target folder; what is worth keeping goes into fuzz/corpus, which `make test` replays.
# Without the address sanitizer, because our own code has next to no unsafe: more inputs are tried.
fuzz: setup ## fuzz one entrance: TARGET=check_tx TIME=60 (seconds); needs nightly Rust and cargo-fuzz
	@mkdir -p $(TARGET_DIR)/fuzz/$(TARGET)
	CARGO_PROFILE_RELEASE_LTO=off RAYON_NUM_THREADS=1 cargo +nightly fuzz run -s none --features libfuzzer $(TARGET) $(TARGET_DIR)/fuzz/$(TARGET) fuzz/corpus/$(TARGET) \
		-- -max_total_time=$(TIME) -timeout=20 -rss_limit_mb=4096

doc: setup ## build the documentation of the crates; warnings fail
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps

clean: ## remove what cargo built; the archives in the cache folder stay
	cargo clean
