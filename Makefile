# make demo   serve the Django demo on http://127.0.0.1:8000
# make test   run every test
# Needs Python 3.11 or newer with venv; `make PYTHON=python3.13` chooses which.

PYTHON ?= python3
VENV ?= .venv
PORT ?= 8000
TESTS ?= tests
PYTEST_OPTIONS ?=
# Test files that run at a time: most of their tests wait.
JOBS ?= 3

BIN := $(abspath $(VENV))/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
DEMO := examples/03-django

.PHONY: help demo test lint types imports docs coverage fuzz clean
help:
	@sed -n '1,3s/^# //p' Makefile
	@echo "also: lint types imports docs coverage fuzz clean"

demo: $(VENV)/.demo
	@$(BIN)/python -c 'import socket; socket.create_server(("127.0.0.1", $(PORT)))' 2>/dev/null || \
		{ echo "Port $(PORT) of this machine can't be had: make demo PORT=8001"; exit 1; }
	@cd $(DEMO) && $(BIN)/python manage.py prepare
	@echo
	@echo "  The guest book:  http://127.0.0.1:$(PORT)/"
	@echo "  Its admin:       http://127.0.0.1:$(PORT)/admin/   login: admin   password: admin"
	@echo "  Ctrl-C ends it; below is the access log."
	@echo
	@cd $(DEMO) && exec $(BIN)/twist --log-format text wsgicontainer mysite.wsgi:application --port tcp:$(PORT):interface=127.0.0.1 \
		--static /static=./var/static --access-log -

test: $(VENV)/.test
	@.ci/system-packages
	$(BIN)/python -m pytest --numprocesses $(JOBS) --dist loadfile $(PYTEST_OPTIONS) $(TESTS)

coverage: $(VENV)/.test
	rm -f .coverage .coverage.*
	$(BIN)/coverage run -m pytest $(PYTEST_OPTIONS) $(TESTS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

# make fuzz TARGET=framing FUZZ_SECONDS=60; see tests/fuzz/README.md
TARGET ?= connection
FUZZ_SECONDS ?= 300
fuzz: $(VENV)/.fuzz
	@mkdir -p build/fuzz/$(TARGET)
	$(BIN)/python -m tests.fuzz $(TARGET) -max_len=600 -timeout=10 -max_total_time=$(FUZZ_SECONDS) \
		-artifact_prefix=build/fuzz/$(TARGET)- build/fuzz/$(TARGET) tests/fuzz/corpus/$(TARGET)

lint: $(VENV)/.dev
	$(BIN)/ruff check

types: $(VENV)/.dev
	$(BIN)/mypy

imports: $(VENV)/.dev
	$(BIN)/lint-imports --config setup.cfg

docs: $(VENV)/.docs
	$(BIN)/sphinx-build -W --keep-going -q docs docs/_build/html
	@echo "docs/_build/html/index.html"

clean:
	rm -rf $(VENV) build dist *.egg-info .coverage .coverage.* .*_cache .hypothesis docs/_build $(DEMO)/var
	find . -name __pycache__ -prune -exec rm -rf {} +
	find . -name dropin.cache -delete

# One stamp per purpose: a run again installs nothing until setup.cfg changes.
$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "wsgicontainer needs Python 3.11 or newer; say which: make PYTHON=python3.13 …"; exit 1; }
	@echo "making $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.demo: $(VENV)/.made setup.cfg pyproject.toml $(DEMO)/requirements.txt
	@$(PIP) --editable . --requirement $(DEMO)/requirements.txt
	@touch $@

$(VENV)/.test $(VENV)/.dev $(VENV)/.docs $(VENV)/.fuzz: $(VENV)/.%: $(VENV)/.made setup.cfg pyproject.toml
	@echo "installing what '$*' needs into $(VENV)"
	@$(PIP) --editable '.[$*]'
	@touch $@
