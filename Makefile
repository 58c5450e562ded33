# The two commands a newcomer needs are `make migrate` and `make test`; `make help` shows the rest.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

# The newest suitable Python; `make setup PYTHON=/path/to/python3.12` chooses another.
PYTHON ?= $(shell scripts/find-python)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.complete
ANSIBLE ?=
PYTEST ?=
# Each worker has servers of its own. A file's tests stay on one worker, since they may share what they build.
WORKERS ?= 2
UNITS := pytest --dist loadfile --durations 30
BENCH ?=
# Before the first rehearsal of a clone: ports of its own, if another clone's has the usual ones.
OWN_PORTS = $(if $(filter -i% --inventory% --check -C,$(ANSIBLE)),true,[ -e .rehearsal ] || python -m rehearsal.stack.ports)

export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(STAMP) ## Build .venv from the hashed lock, and check it

$(STAMP): requirements.lock pyproject.toml scripts/setup
	@scripts/setup "$(PYTHON)" "$(VENV)"
	@touch $@

.PHONY: migrate
migrate: setup ## Rehearse the whole migration on this machine (ANSIBLE='--check --diff' adds options)
	@$(OWN_PORTS)
	ansible-playbook playbooks/migrate.yml $(ANSIBLE)

.PHONY: watch
watch: setup ## Follow a run from another terminal (ANSIBLE='-i inventories/production')
	@while :; do out=$$(ansible-playbook playbooks/status.yml $(ANSIBLE)); clear; printf '%s\n' "$$out"; sleep 2; done

.PHONY: report
report: setup ## Write the report of the migration, from its ledger (ANSIBLE='-i inventories/production')
	ansible-playbook playbooks/report.yml $(ANSIBLE)

.PHONY: evidence
evidence: setup ## Pack the evidence for an auditor: build/evidence.tar, with SHA-256 of all documents
	ansible-playbook playbooks/report.yml -e ledger_evidence_archive=$(CURDIR)/build/evidence.tar $(ANSIBLE)

.PHONY: migrate-docker
migrate-docker: setup ## The same in containers, on this machine's Docker engine
	ansible-playbook -i inventories/docker playbooks/migrate.yml $(ANSIBLE)

.PHONY: stack-up
stack-up: setup ## Start the source and the emulated AWS target
	@$(OWN_PORTS)
	ansible-playbook playbooks/stack_up.yml $(ANSIBLE)

.PHONY: stack-down
stack-down: setup ## Stop both and delete their files (ANSIBLE='-i inventories/docker': those in containers)
	ansible-playbook playbooks/stack_down.yml $(ANSIBLE)

.PHONY: lint
lint: setup ## ansible-lint (production profile), yamllint, ruff, mypy --strict, cfn-lint
	@scripts/lint

.PHONY: audit
audit: setup ## checkov over the stack's template, in an environment of its own (downloads it the first time)
	@scripts/audit

.PHONY: check
check: setup ## Linters, types and the tests without servers: what to run while working (2 minutes)
	@scripts/stages lint pure

.PHONY: pure
pure: setup ## The tests that need no server
	@$(UNITS) --pure -n auto $(PYTEST)

.PHONY: unit
unit: setup ## pytest without the journey, with a sample of each sweep
	@mkdir -p .cache
	@$(UNITS) --no-loadscope-reorder -n $(WORKERS) -m 'not journey and not containers' --cov --cov-report= $(PYTEST)
	@printf 'Of engines and rehearsal, the tests run %s %% (what modules do in processes of their own is not counted).\n' \
	  "$$(coverage report --format total)"

.PHONY: molecule
molecule: setup ## Every Molecule scenario, on a stack of its own
	@scripts/molecule

.PHONY: journey
journey: setup ## The README's commands in a fresh clone, end to end
	@pytest -m journey --durations 30 $(PYTEST)

.PHONY: journey-docker
journey-docker: setup ## The journey in containers; BMII_INSTALL_DOCKER=1 installs an engine for it, as root
	@pytest -m containers --durations 30 $(PYTEST)

.PHONY: test
test: setup ## Everything that CI runs, and what each stage has cost
	@scripts/stages lint unit then "journey journey-docker molecule"

.PHONY: stress
stress: setup ## Every sweep in full, with a seed of its own; STRESS_SEED=20 repeats one (hours)
	@STRESS=1 STRESS_SEED=$${STRESS_SEED:-$$RANDOM} $(UNITS) -n $(WORKERS) -m sweep tests tests/sweeps/operator_policy.py \
	  tests/sweeps/ci_steps.py tests/sweeps/migration_kills.py tests/sweeps/second_app.py tests/sweeps/silence.py tests/sweeps/silent_store.py \
	  tests/sweeps/two_environments.py $(PYTEST)

.PHONY: docs
docs: setup ## Write the generated parts of the documentation anew, and build the site in build/site
	@scripts/docs
	@NO_MKDOCS_2_WARNING=1 mkdocs build --strict

.PHONY: policy
policy: setup ## Write docs/reference/operator-policy.json anew, from the template and the recorded calls
	@scripts/policy

.PHONY: record-policy
record-policy: setup ## Record the operator's calls in a rehearsal of its own, then `make policy` (5 minutes)
	python -m rehearsal.operator_jobs
	@scripts/policy

.PHONY: bench-postgres
bench-postgres: setup ## How long a database takes to copy, next to its peers (BENCH_SIZE=1.25 GB, BENCH='--rounds 3')
	python -m bench.postgres $(BENCH)

.PHONY: bench-objects
bench-objects: setup ## How long buckets take to copy, next to rclone and boto3 (BENCH='--sets small --rounds 3')
	python -m bench.objects $(BENCH)

.PHONY: bench-deploy
bench-deploy: setup ## How long image build and push take, next to Docker's (needs an engine; BENCH='--rounds 1')
	python -m bench.deploy $(BENCH)

.PHONY: hooks
hooks: setup ## Let git run the checks before a commit and a push (.pre-commit-config.yaml)
	@pre-commit install

.PHONY: lock
lock: setup ## Resolve requirements.lock and service/requirements.lock anew
	@scripts/lock

.PHONY: clean
clean: ## Remove the virtual environment and caches (the stack: make stack-down)
	@scripts/clean
