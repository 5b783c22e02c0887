# Each target works alone on a fresh clone: the environment is made when it is missing.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
# More for pytest, as in: make test ARGS="tests/peers -x"
ARGS ?=
CORPUS ?= tests/attack/corpus.json
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

# What marks a text: gettext's own names, and the refusals of rules.
TEXTS = -k _ -k gettext -k ngettext:1,2 -k pgettext:1c,2 -k npgettext:1c,2,3 -k NotAllowed -k Invalid -k NotFound

.PHONY: help run demo test attack fuzz faults security-table bench lint format messages clean

help: ## Say what there is
	@sed -n 's/^\([a-z-]*\):.*## /  make \1	/p' $(MAKEFILE_LIST) | expand -t 16

run: $(VENV)/.installed ## Run a node on this machine
	$(BIN)/folkmoot run

demo: $(VENV)/.installed ## Run a node with a group and threads to look at
	$(BIN)/folkmoot demo

test: $(VENV)/.installed-test ## Run the tests; those that need Chromium or Fedify are skipped where these are missing
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder $(ARGS)

attack: $(VENV)/.installed-test ## Play a corpus of attacks: make attack CORPUS=tests/attack/corpus.json
	$(BIN)/python -m tests.attack.play $(CORPUS) $(ARGS)

fuzz: $(VENV)/.installed-test ## Fuzz what reads bytes of strangers for a minute: FOLKMOOT_FUZZ_MINUTES=60 make fuzz ARGS=html
	$(BIN)/python -m tests.fuzz.run $(ARGS)

security-table: $(VENV)/.installed-test ## Bring the table of docs/security.md up to date
	FOLKMOOT_WRITE=1 $(BIN)/python -m pytest -q -n 0 tests/test_security_md.py

bench: $(VENV)/.installed-test ## Measure speed beside this machine's limits: make bench ARGS="--only inbox"
	$(BIN)/python -m tests.bench.run $(ARGS)

faults: $(VENV)/.installed-test ## Die at every failpoint, then in a storm: make faults ARGS="--only web.composing"
	$(BIN)/python -m tests.faults.points $(ARGS)
	@test -n "$(ARGS)" || $(BIN)/python -m tests.faults.storm
	@test -n "$(ARGS)" || $(BIN)/python -m pytest -n0 -q tests/faults

lint: $(VENV)/.installed-test ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.installed-test ## Put the code into its usual form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

messages: $(VENV)/.installed ## Gather the texts that can be translated, and bring the translations up to date
	$(BIN)/pybabel -q extract --mapping=pyproject.toml --no-default-keywords $(TEXTS) --no-location --sort-output \
		--project=Folkmoot --output=node/locales/folkmoot.pot node
	for file in $(wildcard node/locales/*/folkmoot.po); do \
		$(BIN)/pybabel -q update --input-file=node/locales/folkmoot.pot --output-file=$$file \
			--locale=$$(basename $$(dirname $$file)) --no-fuzzy-matching; \
	done

clean: ## Remove the environment and what tools left behind
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis tests/peers/fedify/node_modules

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Folkmoot needs Python 3.11 or later: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) -e .
	@touch $@

$(VENV)/.installed-test: pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) -e '.[test]'
	@touch $@ $(VENV)/.installed
