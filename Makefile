# Each target makes what it needs, and a second run skips what is done.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
# Many tests wait for what they started, so that three for two cores keep the cores at work.
WORKERS ?= $(shell expr 3 \* $$(nproc 2>/dev/null || echo 2) / 2)

.PHONY: demo test test-lab contract lab lint docs pictures clean

demo: $(VENV)/.ready-run
	@$(BIN)/onprem demo

test: $(VENV)/.ready-dev
	@$(BIN)/python -m pytest -m "not slow and not lab" -n $(WORKERS) --dist worksteal

# The same tests against real servers, built once into a cache outside the checkout. Needs Go.
test-lab: $(VENV)/.ready-dev
	@$(BIN)/python -m tests.cluster build
	@ONPREM_REQUIRE="$$ONPREM_REQUIRE lab" $(BIN)/python -m pytest -m "lab and not slow" -n 2 --dist loadfile --no-loadscope-reorder

# What holds in the practice cluster and on real ones, as a page made from the results.
contract: $(VENV)/.ready-dev
	@$(BIN)/python -m tests.cluster build
	@ONPREM_REQUIRE="$$ONPREM_REQUIRE lab" $(BIN)/python -m pytest tests/contract --junit-xml=$(VENV)/contract.xml; \
	code=$$?; $(BIN)/python -m tests.contract.page $(VENV)/contract.xml > docs/contract.md && exit $$code

lab: $(VENV)/.ready-dev
	@$(BIN)/python -m tests.cluster up

lint: $(VENV)/.ready-dev
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

docs: $(VENV)/.ready-dev
	@$(BIN)/python -m bot.reference > docs/commands.md
	@$(BIN)/python -m tests.lab.graphs.page

pictures: $(VENV)/.ready-dev
	@$(BIN)/python -m sandbox.pictures docs/pictures
	@$(BIN)/python -m sandbox.graphs docs/pictures/graphs

$(VENV)/bin/pip:
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 or newer is needed, and there is no $(PYTHON). Install it (Debian, Ubuntu: apt install python3 python3-venv), or set PYTHON=…"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; this is " + sys.version.split()[0] + ". Set PYTHON=python3.11") if sys.version_info < (3, 11) else None'
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "This Python lacks venv. Install it (Debian, Ubuntu: apt install python3-venv) and try again."; exit 1; }
	@echo "Making a virtual environment in $(VENV) …"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.ready-run: $(VENV)/bin/pip pyproject.toml constraints.txt
	@echo "Installing …"
	@$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

$(VENV)/.ready-dev: $(VENV)/.ready-run
	@echo "Installing what the tests need …"
	@$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
