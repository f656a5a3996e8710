# Everything here needs Python >= 3.10 (with venv), a Rust toolchain, make and a C compiler; the rest is installed into .venv.
# `make` alone lists the targets.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
# The interpreter that the tests of the Rust side ask for Python's headers is the one the wheel goes into.
export PYO3_PYTHON := $(abspath $(BIN)/python)

# MNIST and its like: read from here when it is there (see corten.datasets).
ifneq ($(wildcard ../shared/data),)
export CORTEN_DATA ?= $(abspath ../shared/data)
endif

SOURCES := $(shell find rust python -type f ! -name '*.pyc' ! -path '*/target/*') \
           $(wildcard Cargo.toml Cargo.lock) pyproject.toml README.md
WHEEL := dist/.wheel
INSTALLED := $(VENV)/.installed

# Where the compiler that rust-toolchain.toml names is neither installed nor to be fetched, the machine's own builds.
ifneq ($(shell cargo --version 2>/dev/null),)
else ifneq ($(shell cargo +stable --version 2>/dev/null),)
export RUSTUP_TOOLCHAIN := stable
endif

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup build wheel demo examples test test-all \
        test-build test-neon bench bench-peers lint lint-text lint-rust docs docs-rust clean tools

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

tools:
	@lacking() { printf 'Missing: %s\n  %s\n' "$$1" "$$2" >&2; missing=1; }; missing=; \
	if ! command -v $(PYTHON) >/dev/null; then \
	    lacking 'Python >= 3.10 ($(PYTHON))' 'Debian, Ubuntu: apt install python3 python3-venv; Fedora: dnf install python3; macOS: brew install python'; \
	elif ! $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))'; then \
	    lacking "Python >= 3.10 ($(PYTHON) is $$($(PYTHON) -V 2>&1))" 'install a newer one and name it: make PYTHON=python3.12 ...'; \
	elif ! $(PYTHON) -c 'import venv, ensurepip' 2>/dev/null; then \
	    lacking 'the venv module of $(PYTHON)' 'Debian, Ubuntu: apt install python3-venv'; \
	fi; \
	command -v cargo >/dev/null || lacking 'a Rust toolchain (cargo)' 'install it with rustup: https://rustup.rs'; \
	command -v $${CC:-cc} >/dev/null || lacking "a C compiler ($${CC:-cc}), which Rust links with" \
	    'Debian, Ubuntu: apt install build-essential; Fedora: dnf install gcc; macOS: xcode-select --install'; \
	[ -z "$$missing" ]

$(VENV)/.ready: | tools
	@echo 'Making the virtual environment $(VENV)'
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) install --upgrade 'pip>=25.1' 'maturin>=1.9,<2'
	@touch $@

setup: $(VENV)/.group-lint $(VENV)/.group-test $(VENV)/.extra-demo ## everything a developer needs, in .venv

# The wheel is built and installed anew only when a source has changed.
$(WHEEL): $(SOURCES) | $(VENV)/.ready tools
	@echo 'Building Corten (release; the first time takes some minutes)'
	@rm -f dist/corten-*.whl
	@$(BIN)/maturin build --release --locked --interpreter $(BIN)/python --out dist >$(VENV)/build.log 2>&1 || \
	    { cat $(VENV)/build.log >&2; exit 1; }
	@touch $@

$(INSTALLED): $(WHEEL)
	@$(PIP) install --force-reinstall --no-deps dist/corten-*.whl
	@$(PIP) install dist/corten-*.whl
	@touch $@

build: $(INSTALLED) ## build the release wheel and install it into .venv
wheel: $(INSTALLED) ## the same; the wheel is in dist/
	@ls -l dist/corten-*.whl | awk '{ printf "%s  %.2f MB\n", $$NF, $$5 / 1e6 }'

$(VENV)/.extra-%: pyproject.toml | $(INSTALLED)
	@echo 'Installing what "$*" needs'
	@$(PIP) install "$$(echo dist/corten-*.whl)[$*]"
	@touch $@

# What a group names needs no wheel.
$(VENV)/.group-%: pyproject.toml | $(VENV)/.ready
	@echo 'Installing what "$*" needs'
	@$(PIP) install --group $*
	@touch $@

demo: $(INSTALLED) $(VENV)/.extra-demo ## train the textbook's CNN on MNIST (or on digits), and draw the result
	@$(BIN)/python examples/mnist.py

examples: $(INSTALLED) $(VENV)/.extra-examples ## run every example whole; one page with figures, pictures and times
	@$(BIN)/python examples/page.py $(EXAMPLES)

# As many workers as there are cores, each with one thread (tests/conftest.py); then what must not be disturbed, alone.
# What PYTEST_ARGS selects may lie in one of the two.
WORKERS ?= auto
MARKS := and not thorough
PYTEST = $(BIN)/python -m pytest -q --durations=15
define run_tests
@cargo test --workspace --locked --quiet
@$(PYTEST) -n $(WORKERS) --dist worksteal -m 'not alone $(MARKS)' tests --doctest-modules --pyargs corten $(PYTEST_ARGS) $(selected)
@$(PYTEST) -m 'alone $(MARKS)' tests $(PYTEST_ARGS) $(selected)
endef
ifdef PYTEST_ARGS
selected := || [ $$? -eq 5 ]
endif

# With PEERS, an interpreter that has PyTorch, gradients are compared with its gradients too.
ifdef PEERS
test test-all: export TORCH_PYTHON := $(PEERS)
endif
test: $(INSTALLED) $(VENV)/.group-test ## Rust tests, then Python tests and doctests
	$(run_tests)

test-all: MARKS :=
test-all: $(INSTALLED) $(VENV)/.group-test ## the same under more settings: thread counts, instruction sets, hostile arguments
	$(run_tests)

test-build: $(VENV)/.ready
	@cargo test --workspace --locked --quiet --no-run

# Needs `rustup target add aarch64-unknown-linux-gnu` and Debian's gcc-aarch64-linux-gnu and qemu-user-static.
test-neon: export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER ?= aarch64-linux-gnu-gcc
test-neon: export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER ?= qemu-aarch64-static -L /usr/aarch64-linux-gnu
test-neon: ## the tests of kernels and engine on an emulated aarch64
	@cargo test --workspace --exclude corten-python --lib --tests --locked --quiet --target aarch64-unknown-linux-gnu

# OPENBLAS_CORETYPE and its like would make NumPy's products slower than they are.
PLAIN_BLAS := env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE

bench: $(INSTALLED) $(VENV)/.extra-bench ## kernels and whole steps against NumPy; dated record in benches/records
	@$(PLAIN_BLAS) $(BIN)/python -m pytest -q -o addopts= --import-mode=importlib benches --benchmark-only --benchmark-quiet \
	    --benchmark-json=$(VENV)/benchmark.json $(PYTEST_ARGS)
	@$(PLAIN_BLAS) $(BIN)/python benches/record.py $(VENV)/benchmark.json

bench-peers: $(INSTALLED) $(VENV)/.extra-bench ## against PyTorch: make bench-peers PEERS=/path/to/its/python
	@cd benches && $(abspath $(BIN)/python) -m peers $(if $(PEERS),--torch $(PEERS)) --mnist $(PEERS_ARGS)

lint: lint-text lint-rust ## rustfmt, ruff, mypy, clippy

lint-text: $(VENV)/.group-lint
	@cargo fmt --all --check
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy

lint-rust: $(VENV)/.ready
	@cargo clippy --workspace --all-targets --locked --quiet -- -D warnings

docs: $(INSTALLED) $(VENV)/.group-docs ## the documentation, in site/index.html; whatever is missing or leads nowhere is an error
	@$(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet --jobs auto -d $(VENV)/.doctrees docs site

docs-rust: ## the Rust crates' documentation, in target/doc
	@cargo doc --workspace --no-deps --locked --quiet

clean: ## remove what was built (not the caches of cargo and pip)
	@rm -rf $(VENV) dist site demo.png examples.html .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks
	@cargo clean --quiet
