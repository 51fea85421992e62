# Two commands do everything: make run, make test.
# Debian's own interpreter where there is one new enough: it is built with profile-guided optimization, and one that was compiled by
# hand, as the first on a PATH often is, wants a fifth to a quarter more processor for all that Hali does.
PYTHON ?= $(shell /usr/bin/python3 -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo /usr/bin/python3 || echo python3)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

# Seven processes compile the same modules anew at each start where this is set.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test test-faults lint format translations bench-memory bench-sandbox bench-probes bench-outbox bench-page bench-lighthouse soak bench simulate-detection audit drill faults-table clean

run: $(VENV)
	$(BIN)/python -m statuspage.run

.venv: $(VENV)/installed

# What a copy runs on: the product and its embedded broker. Without the tests' tools, one half beside the other, and compiled on all
# cores, a first start takes half of the time.
$(VENV)/installed: requirements-lock.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { echo "Python 3.11 or later is needed: install the package python3 (or set PYTHON=...)."; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "Python cannot make a virtual environment: install the package python3-venv."; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@awk 'NR % 2 == 1' requirements-lock.txt > $(VENV)/odd.txt && awk 'NR % 2 == 0' requirements-lock.txt > $(VENV)/even.txt
	@$(PIP) --no-deps --no-compile --requirement $(VENV)/odd.txt & first=$$!; \
	$(PIP) --no-deps --no-compile --requirement $(VENV)/even.txt; second=$$?; wait $$first && exit $$second
	@$(BIN)/python -m compileall -q -j 0 $(VENV)/lib/python3*/site-packages >/dev/null || true
	@touch $@

# What the tests and linters need on top.
$(VENV)/tools: $(VENV)/installed requirements-dev.txt
	@$(PIP) --requirement requirements-dev.txt
	@touch $@

translations: $(VENV)
	@$(BIN)/python -m statuspage.translations

# The last one runs every check of `manage.py check` before it looks for migrations that are missing.
lint: $(VENV)/tools translations
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	SECRET_KEY=lint $(BIN)/mypy --num-workers 2
	$(BIN)/lint-imports
	SECRET_KEY=lint $(BIN)/python -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run

# Slower than the linters: bandit over the product, and known faults of the pinned libraries, where a package index tells them.
audit: $(VENV)/tools
	$(BIN)/bandit --quiet --recursive --severity-level medium --configfile pyproject.toml statuspage incidents probes subscribers
	@test -x $(VENV)/audit/bin/pip-audit || { $(PYTHON) -m venv $(VENV)/audit && $(VENV)/audit/bin/pip install --quiet pip-audit; }
	$(VENV)/audit/bin/pip-audit --requirement requirements-lock.txt --no-deps --disable-pip

format: $(VENV)/tools
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Four at a time on two cores, since part of each test is waiting, each with a copy of its own; a file's tests stay together, with the
# servers they share.
SIDE_BY_SIDE := -n 4 --dist loadfile --no-loadscope-reorder

# Everything on SQLite, then what differs between databases again on PostgreSQL.
test: lint
	$(BIN)/pytest $(SIDE_BY_SIDE) -m "not faults"
	TEST_DATABASE=postgresql $(BIN)/pytest $(SIDE_BY_SIDE) -m "database and not faults" $$(grep -rl --include='test_*.py' mark.database tests)

test-faults: $(VENV)/tools translations
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder -m faults

# Every fault, three copies at a time, and the table of docs/faults.md. As root, so that disks can be full.
faults-table: $(VENV)/tools translations
	$(BIN)/python -m tests.faults.table --write --beside 3

# A rehearsal: the morning of 9 January 2024 in two minutes, on a copy of its own that contacts nobody.
drill: $(VENV)/installed translations
	SECRET_KEY=of-no-copy $(BIN)/python manage.py drill jan9

bench-memory: $(VENV)/tools
	$(BIN)/python -m tests.benchmarks.memory

# How soon the rules of detection see a fault and how often they cry wolf: the table of docs/detection.md, in some minutes.
simulate-detection: $(VENV)/tools
	$(BIN)/python -m tests.benchmarks.detection

bench-sandbox: $(VENV)/tools
	$(BIN)/python -m tests.benchmarks.sandbox

# What the pipeline of probes costs, bears and keeps. Lateness and rates want a machine with nothing else to do.
bench-probes: $(VENV)/tools
	$(BIN)/python -m tests.benchmarks.probes

# What the outbox bears, in small sizes; `python -m tests.benchmarks.outbox --full` for those of its bars.
bench-outbox: $(VENV)/tools
	$(BIN)/python -m tests.benchmarks.outbox

# What the public page weighs, what a publication costs after one, two and five years, and how fast files are served (with wrk), in
# small sizes and two minutes; `python -m tests.benchmarks.page --full` for those of its bars, in an hour at most.
bench-page: $(VENV)/tools
	$(BIN)/python -m tests.benchmarks.page

# What Lighthouse says of three pages on a slow phone; it wants npm, chromium and nginx.
bench-lighthouse: $(VENV)/tools translations
	npm ci --prefix tests/benchmarks/lighthouse --no-audit --no-fund --silent
	$(BIN)/python -m tests.benchmarks.lighthouse

# The short form of all of them, in ten minutes, and the table of docs/benchmarks.md.
bench: $(VENV)/tools translations
	$(BIN)/python -m tests.benchmarks.all --write

# The long ones: ten minutes of the story under load with a kill every ten seconds; of 1,000 probes; 10,000,000 results.
soak: $(VENV)/tools translations
	$(BIN)/python -m tests.faults.soak
	$(BIN)/python -m tests.benchmarks.probes --soak steady keeping

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
