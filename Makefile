# What a developer and CI run. Needs make, and Python 3.10 or newer with its venv module; all else comes from the lock.
#
#   make demo        run the demo                         make test    everything that CI checks, but the stack
#   make lint types imports test-wheel test-rest          the parts of `make test`; make test-suite: every test, here
#   make test-stack  the Collector and Jaeger, for real   make stack   only build them (Go)
#   make programs    ten thousand random programs, bare and decorated: no difference that they could observe
#   make test-training   TRL trains on exports; test-training-all over every chat template
#   make test-lake   Spark, Kafka and a lake, with everything killed on the way (Java 17, Maven), some minutes
#   make soak SECONDS=3600   agents, random faults, and accounts that must balance
#   make chaos SECONDS=600   the same with more faults: disks, clocks, fail-over, pgbouncer, locks, senders; best as root
#   make budget      instructions of the hot path, the drain and the projection, counted (valgrind)
#   make docs        the documentation site, in build/docs; a warning, a broken link or a remote asset fails
#   make prose       the English of the pages (Go: builds Vale once)
#   make release-check   build, check the metadata, install and run the demo on each Python that is here
#   make test-pythons    the unit and contract tests on each Python that is here
#   make bench       the benchmarks, some 20 minutes; writes docs/performance.md   make bench CASES="decorated stall"
#   make ui          the page's bundle, from ui/ (Node); ui-check: is the committed one what the sources give?
#   make test-browser   the page in a real browser
#   make up          Postgres, Jaeger, Collector (Docker)  make down    stop them; what they hold stays
#   make lock        resolve the lock again               make clean   forget what was built

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WHEEL_VENV := .venv-wheel
WHEEL_BIN := $(WHEEL_VENV)/bin
WHEEL_DIR := build/wheel
LOCK := requirements/dev.lock
PIP_FLAGS := --quiet --disable-pip-version-check --no-input
# Two workers: what CI has. The tests share one Postgres server either way.
PYTEST_ARGS ?= -n 2
# What runs against the installed wheel: what a user does, and what only packaging can break. Faults are the same there.
WHEEL_TESTS ?= tests/wheel tests/acceptance --ignore=tests/acceptance/faults

MAKEFLAGS += --no-builtin-rules
.DELETE_ON_ERROR:
.SUFFIXES:
.PHONY: help setup demo demo-lake test lint types imports test-suite test-rest test-wheel test-stack test-lake \
  test-training test-training-all ui ui-check test-ui test-browser stack programs docs prose release-check test-pythons soak chaos budget \
  bench up down lock format clean

help:
	@awk '!/^#/ { exit } { sub(/^# ?/, ""); print }' Makefile

setup: $(VENV)/.ready

demo: setup
	$(BIN)/atlas-otel demo $(DEMO_ARGS)

# Sessions recorded, archived into a lake, and built three ways: Postgres, this machine, a Spark cluster of two workers.
# Spark is installed once a user; 69 where it can't be had here.
demo-lake: setup
	$(BIN)/python scripts/demo_lake.py $(DEMO_ARGS)

test: lint types imports test-wheel test-rest

# Warnings are errors; then every link of the built site is followed, and whatever it would load from the network found.
docs: setup
	$(BIN)/sphinx-build -E -W --keep-going -q -b html docs build/docs
	$(BIN)/python scripts/check_site.py build/docs

release-check: setup
	$(BIN)/python scripts/pythons.py release

test-pythons: setup
	$(BIN)/python scripts/pythons.py test $(TESTS)

# Vale is built once for each user; 69 says that it can't be here, and why.
prose: setup
	$(BIN)/python scripts/prose.py || test $$? -eq 69

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy

imports: setup
	$(BIN)/lint-imports

test-suite: setup
	$(BIN)/pytest $(PYTEST_ARGS)

# What test-wheel does not run: nothing is tested twice, once beside the sources and once from the wheel.
REST_TESTS ?= tests/unit tests/contract tests/integration tests/acceptance/faults
test-rest: setup
	$(BIN)/pytest $(PYTEST_ARGS) $(REST_TESTS)

# The sdist is built, and the wheel from it; the tests run from the unpacked sdist without its packages, so that only
# the installed wheel can be imported, and a file that packaging forgot is missed.
test-wheel: setup $(WHEEL_VENV)/.locked
	rm -rf $(WHEEL_DIR)
	mkdir -p $(WHEEL_DIR)/src
	$(BIN)/python -m build --no-isolation --outdir $(WHEEL_DIR) . >$(WHEEL_DIR)/build.log 2>&1 \
	  || { cat $(WHEEL_DIR)/build.log; exit 1; }
	$(WHEEL_BIN)/python -m pip install $(PIP_FLAGS) --no-index --no-deps --force-reinstall $(WHEEL_DIR)/*.whl
	$(WHEEL_BIN)/python -m pip check
	tar -xzf $(WHEEL_DIR)/*.tar.gz -C $(WHEEL_DIR)/src --strip-components=1
	rm -rf $(WHEEL_DIR)/src/atlas_otel $(WHEEL_DIR)/src/exporters
	cd $(WHEEL_DIR)/src && env -u PYTHONPATH PATH="$(abspath $(WHEEL_BIN)):$$PATH" \
	  $(abspath $(WHEEL_BIN))/pytest $(PYTEST_ARGS) $(WHEEL_TESTS)

# What comes out trains: TRL's trainers, with a tiny random model on the CPU, in an environment that is made once a user
# (some 6 GB); test-training-all takes every chat template that TRL ships for training.
test-training: setup
	$(BIN)/pytest tests/training

test-training-all: setup
	ATLAS_OTEL_TRAINING=all $(BIN)/pytest tests/training

# Spark, a Kafka broker and their jars are fetched once a user; where they can't be had, each test says why it is skipped.
test-lake: setup
	$(BIN)/pytest tests/lake

# Jaeger and the Collector are built once for each user; 69 says that they can't be here, and then each test says why
# it is skipped. A fixture may wait for Jaeger to come up; only the test itself is on the clock.
test-stack: setup
	$(BIN)/python scripts/build_stack.py || test $$? -eq 69
	$(BIN)/pytest -o timeout_func_only=true $(PYTEST_ARGS) tests/stack

# The page's bundle is committed: who installs the wheel needs no Node. A build of the same sources is the same to the
# byte, so CI builds it again and compares.
ui: ui/node_modules/.ready
	cd ui && npm run --silent types && npm run --silent check && npm run --silent bundle

ui-check: ui/node_modules/.ready
	rm -rf build/ui && mkdir -p build/ui
	cd ui && npm run --silent check && npx openapi-typescript ../atlas_otel/ui/openapi.json --default-non-nullable=false \
	  --output ../build/ui/schema.ts >/dev/null && npm run --silent bundle -- --logLevel warn --outDir ../build/ui/static
	diff build/ui/schema.ts ui/src/api/schema.ts
	diff --recursive build/ui/static atlas_otel/ui/static

test-ui: ui/node_modules/.ready
	cd ui && npm test --silent

ui/node_modules/.ready: ui/package-lock.json
	cd ui && npm ci --silent
	touch $@

# In Debian's Chromium, which is installed where that can be done; each test says why it is skipped where there is none.
test-browser: setup
	$(BIN)/python scripts/browser.py || test $$? -eq 69
	$(BIN)/pytest $(PYTEST_ARGS) tests/browser

# Agents at full speed under random faults; at the end everything must agree to the last span.
SECONDS ?= 600
soak: setup
	$(BIN)/python tests/acceptance/faults/soak.py --seconds $(SECONDS) $(SOAK_ARGS)

chaos: setup
	$(BIN)/python tests/acceptance/faults/soak.py --chaos --pace 1 --seconds $(SECONDS) $(SOAK_ARGS)

# What tests/unit/tracing/test_bare_and_decorated.py does with a few hundred in the suite.
PROGRAMS ?= 10000
programs: setup
	ATLAS_OTEL_PROGRAMS=$(PROGRAMS) $(BIN)/pytest -o timeout=0 tests/unit/tracing/test_bare_and_decorated.py

# Instructions of the hot path, the drain and the projection, beside a raw span's: on a noisy machine too, a path that became slower is seen.
budget: setup
	$(BIN)/python -m benchmarks.budget $(BUDGET_ARGS)

# Each peer gets an environment of its own, once a user. A goal that is missed is shown, and is no failure.
bench: setup
	$(BIN)/python -m benchmarks $(CASES) --report $(BENCH_ARGS)

stack: setup
	$(BIN)/python scripts/build_stack.py

# The password is made once and kept in .env, which git ignores and docker compose reads.
up:
	@test -f .env || (umask 077 && \
	  printf 'ATLAS_POSTGRES_PASSWORD=%s\n' "$$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')" >.env)
	docker compose up --detach --wait

down:
	docker compose down

# The lock is for every supported Python and platform, with hashes; plain pip installs it. What is pinned stays, unless
# asked: make lock UPGRADE=--upgrade
lock: .venv-lock/bin/uv
	.venv-lock/bin/uv pip compile --quiet --universal --python-version 3.10 --generate-hashes --no-emit-index-url \
	  $(UPGRADE) --all-extras --group dev --custom-compile-command "make lock" --output-file $(LOCK) pyproject.toml

.venv-lock/bin/uv:
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install $(PIP_FLAGS) uv

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf build dist $(VENV) $(WHEEL_VENV) .venv-lock .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

# Stamps: a second run installs nothing unless the lock or the project's metadata changed.
$(VENV)/.ready: $(VENV)/.locked pyproject.toml
	$(BIN)/python -m pip install $(PIP_FLAGS) --no-index --no-deps --no-build-isolation --editable .
	touch $@

$(VENV)/.locked $(WHEEL_VENV)/.locked: $(LOCK)
	@$(PYTHON) -c 'import sys; sys.exit("atlas-otel needs Python 3.10 or newer; $(PYTHON) is " + sys.version.split()[0] + ". Name another: make PYTHON=python3.12 …") if sys.version_info < (3, 10) else None'
	test -x $(@D)/bin/python || $(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install $(PIP_FLAGS) --require-hashes --requirement $(LOCK)
	touch $@
