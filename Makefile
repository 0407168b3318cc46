.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
# the demo's last line is for scripts, also under another make
MAKEFLAGS += --no-print-directory

.PHONY: help venv demo test test-debian test-openfaas lint bench eval golden picture lock clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-13s %s\n", $$1, $$2}'

venv: ## Make .venv with everything that development needs
	@$(PYTHON) scripts/bootstrap.py

demo: venv ## Sort a demo mailbox with the real program; DEMO_HOLD=1 keeps it up for a mail client
	@$(BIN)/python scripts/demo/run

test: venv ## Run all tests; parts whose servers are not installed are skipped, saying so
	@$(BIN)/python -m pytest

test-debian: venv ## Run the integration tests on Debian's PostgreSQL instead of the embedded one
	@EMAIL_AGENT_TEST_POSTGRES=debian $(BIN)/python -m pytest tests/integration

test-openfaas: venv ## Run the chain on a real faasd in namespaces of its own; wants root, says what is missing
	@TEST_OPENFAAS=1 $(BIN)/python -m pytest -rs tests/openfaas

lint: venv ## Check style, types and the direction of imports
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .
	@$(BIN)/mypy && for handler in functions/*/handler.py; do $(BIN)/mypy $$handler || exit 1; done
	@PYTHONPATH=. $(BIN)/lint-imports

bench: venv ## Measure against imapfilter; rows go to build/bench/
	@$(BIN)/python -m scripts.bench

eval: venv ## Say how often rules/default.yml is right on the test mail in TEST_MAIL_DIR; figures go to build/eval/
	@$(BIN)/python -m scripts.eval

golden: venv ## Rewrite what is read in the mails of tests/mail: read the diff before it is committed
	@$(BIN)/python -m tests.unit.mail.test_golden

picture: venv ## Draw the demo and one `explain` anew, from a run of now, as docs/pictures/*.svg
	@$(BIN)/python -m scripts.picture

lock: venv ## Pin what requirements*.in ask for, with hashes; LOCK=--upgrade takes newer versions of the rest
	@$(BIN)/python -m scripts.lock $(LOCK)

clean: ## Remove what the other targets made, but neither .venv nor var/
	@rm -rf build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
