# Two commands matter: `make demo` and `make test`. Both set up what they need in .venv, and again only when a pin changed.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
PIP := $(BIN)/pip --disable-pip-version-check --quiet
# A test that hangs is a failure: pytest-timeout prints every stack.
PYTEST := $(BIN)/pytest -q

# Children of tests would compile what they import again and again.
unexport PYTHONDONTWRITEBYTECODE

PAGE := plugins/runlake-ui
ASSETS := $(PAGE)/runlake_ui/assets/index.html

.PHONY: demo test test-long lint page bench clean

demo: $(READY) page
	@$(BIN)/runlake demo

# Two workers with as many threads each as there are cores wait for each other; the long tests have several.
test: export OMP_NUM_THREADS := 1
test: $(READY) page
	@cd $(PAGE)/web && npm test --silent
	@$(PYTEST) -n 2 -m "not long"

test-long: $(READY) page
	@$(PYTEST) -m long

lint: $(READY) page
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && cd $(PAGE)/web && npm run --silent check

bench: $(READY)
	@for name in import_time log_points start_run visible_to_others call_overhead autolog_start publish eight_writers read_series read_curve search_runs export import_mlflow autolog_overhead booster_overhead torch_step_overhead trainer_overhead sweep_overhead script_wall explain models serve page; do $(BIN)/python -m benchmarks.$$name || exit 1; done

# The web page, which `runlake ui` serves: built again when a file of it changed.
page: $(ASSETS)

$(ASSETS): $(PAGE)/web/node_modules/.package-lock.json $(PAGE)/web/index.html $(PAGE)/web/vite.config.js $(shell find $(PAGE)/web/src $(PAGE)/web/public -type f)
	@cd $(PAGE)/web && npm run --silent build -- --logLevel warn

$(PAGE)/web/node_modules/.package-lock.json: $(PAGE)/web/package.json $(PAGE)/web/package-lock.json
	@cd $(PAGE)/web && npm ci --silent --ignore-scripts --no-audit --no-fund

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache $(PAGE)/web/node_modules $(PAGE)/runlake_ui/assets

# Without build isolation each distribution would fetch its build tools again.
$(READY): pyproject.toml constraints.txt plugins/all.txt $(wildcard plugins/*/pyproject.toml)
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(PIP) install --constraint constraints.txt pip hatchling editables
	@$(PIP) install --constraint constraints.txt --no-build-isolation --group dev --requirement plugins/all.txt
	@touch $@
