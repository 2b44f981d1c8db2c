# Two commands matter: `make demo` and `make test`. Both set up what they need in .venv, and again only when a pin changed.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
PIP := $(BIN)/pip --disable-pip-version-check --quiet
# A test that hangs is a failure: pytest-timeout prints every stack.
PYTEST := $(BIN)/pytest -q

# Children of tests would compile what they import again and again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test test-long lint bench clean

demo: $(READY)
	@$(BIN)/runlake demo

# Two workers with as many threads each as there are cores wait for each other; the long tests have several.
test: export OMP_NUM_THREADS := 1
test: $(READY)
	@$(PYTEST) -n 2 -m "not long"

test-long: $(READY)
	@$(PYTEST) -m long

lint: $(READY)
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

bench: $(READY)
	@for name in import_time log_points start_run visible_to_others call_overhead autolog_start publish eight_writers read_series read_curve search_runs export import_mlflow autolog_overhead booster_overhead torch_step_overhead trainer_overhead sweep_overhead script_wall explain models serve; do $(BIN)/python -m benchmarks.$$name || exit 1; done

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache

# Without build isolation each distribution would fetch its build tools again.
$(READY): pyproject.toml constraints.txt plugins/all.txt $(wildcard plugins/*/pyproject.toml)
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(PIP) install --constraint constraints.txt pip hatchling editables
	@$(PIP) install --constraint constraints.txt --no-build-isolation --group dev --requirement plugins/all.txt
	@touch $@
