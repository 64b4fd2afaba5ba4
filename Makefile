# Two commands on a fresh machine with Python 3.11 and make: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test test-all soak reliability bench lint docs package release clean

$(BIN)/pjais: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("pjais needs Python 3.11 or newer") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	$(BIN)/python -m compileall -q src
	@touch $@

$(BIN)/pytest: $(BIN)/pjais
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

demo: $(BIN)/pjais
	$(BIN)/pjais demo

test: $(BIN)/pytest
	$(BIN)/pytest -n 2 --dist worksteal -m "not soak and not slow"

test-all: $(BIN)/pytest
	PJAIS_ALL_EXAMPLES=1 $(BIN)/pytest -n 2 --dist worksteal -m "not soak"

soak: $(BIN)/pytest
	$(BIN)/pytest -m soak -s

reliability: $(BIN)/pytest
	$(BIN)/python scripts/reliability.py

bench: $(BIN)/pytest
	$(BIN)/python bench/migrate.py
	$(BIN)/python bench/peers.py
	$(BIN)/python bench/increment.py
	$(BIN)/python bench/growth.py
	$(BIN)/python bench/startup.py
	$(BIN)/python bench/looking.py
	$(BIN)/python bench/rxdb.py
	$(BIN)/python bench/any_app.py
	$(BIN)/python bench/chatgpt.py
	$(BIN)/python bench/livestore.py
	$(BIN)/python bench/store.py
	$(BIN)/python bench/live.py
	$(BIN)/python bench/page.py
	$(BIN)/python bench/assistants.py

lint: $(BIN)/pytest
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python scripts/make_docs.py --check

docs: $(BIN)/pytest
	$(BIN)/python scripts/make_docs.py --check
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

package: $(BIN)/pytest
	$(BIN)/python scripts/check_package.py

release: $(BIN)/pytest
	$(BIN)/python scripts/release.py

clean:
	rm -rf $(VENV) dist site .mypy_cache .pytest_cache .ruff_cache .hypothesis
