# make demo, make test: everything they need is set up in .venv, from Python >= 3.11 alone.

VENV := .venv
PY := $(VENV)/bin/python
READY := $(VENV)/ready
JOBS ?= 5
# make bench BENCH=--quick tries everything in seconds, BENCH=--page writes docs/performance.md.
BENCH ?=

# Hundreds of tests start an interpreter: where this is set, each would compile all of the library anew.
export PYTHONDONTWRITEBYTECODE :=

# An installed checkout remembers its folder: after a move it is installed again.
ifneq ($(shell cat $(READY) 2>/dev/null),$(shell pwd))
  $(shell rm -f $(READY))
endif

.PHONY: demo test check torture bench bench-peers format clean

demo: $(READY)
	@$(PY) -m stratvars demo

test: $(READY)
	@$(PY) -m pytest -n $(JOBS) --dist worksteal -m "not torture"

check: $(READY)
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy
	@$(PY) -c 'from importlinter.cli import lint_imports_command; lint_imports_command()'

torture: $(READY)
	@STRATVARS_EXAMPLES=20000 $(PY) -m pytest -m torture --timeout 3600

bench: $(READY)
	@for name in saves sizes loads many network server snapshot footprint codec history; do $(PY) bench/$$name.py $(BENCH) || exit; done
	@$(if $(findstring --page,$(BENCH)),$(PY) bench/plots.py)

# The only target that downloads more than the project's own environment, into a folder of its own.
bench-peers: $(READY)
	@$(PY) bench/peers/run.py $(BENCH)

format: $(READY)
	@$(PY) -m ruff check --fix-only -q .
	@$(PY) -m ruff format .

$(READY): pyproject.toml
	@sh .ci/setup $(VENV)
	@pwd > $@

clean:
	rm -rf $(VENV) build dist
