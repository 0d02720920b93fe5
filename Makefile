# make run    set everything up and run the main job
# make test   set everything up and run ruff, mypy and the tests
# make nightly    what make test leaves out: further variants of slow tests, and 500 mutants of every reader's inputs
# make test-backends    make the environments of all backends and run the tests that train in them
# make fuzz   try mutants of every reader's inputs, other ones each time: make fuzz FUZZ_EXAMPLES=500
# make settings    write what docs/ tells of settings
# make lock   pin what a fresh installation resolves to

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Options of the main job: make run ARGS="trainer.epochs=2"
ARGS ?=
PYTEST_ARGS ?=
# Test files at a time; each may train small models, so more than cores does not pay.
TEST_WORKERS ?= 2
# Mutants of each input of make fuzz: minutes.
FUZZ_EXAMPLES ?= 2000

BACKEND_TESTS := $(addprefix tests/train/backends/,test_parity.py test_trained.py test_separate.py test_keys.py unsloth axolotl llama_factory)

.PHONY: run test nightly test-backends fuzz lint setup lock clean settings

run: $(STAMP)
	$(BIN)/python -m secft $(ARGS)

test: lint
	$(BIN)/python -m pytest -n $(TEST_WORKERS) --dist loadfile --no-loadscope-reorder --durations 25 -m "not nightly" $(PYTEST_ARGS)

nightly: lint
	$(BIN)/python -m pytest -n $(TEST_WORKERS) --dist loadfile --durations 25 -m nightly $(PYTEST_ARGS)
	$(MAKE) fuzz FUZZ_EXAMPLES=500

# Gigabytes of packages on first use. One at a time: each test is a training with all cores.
test-backends: $(STAMP)
	$(BIN)/python -m secft doctor --fix
	$(BIN)/python -m pytest -m slow --durations 25 $(BACKEND_TESTS) $(PYTEST_ARGS)

# What it finds is printed as the smallest input; keep that as tests/data/fuzz/SOURCE/NAME, and make test reads it.
fuzz: $(STAMP)
	FUZZ_EXAMPLES=$(FUZZ_EXAMPLES) $(BIN)/python -m pytest -n $(TEST_WORKERS) --durations 20 \
		tests/dataset/sources/test_mutants.py $(PYTEST_ARGS)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

settings: $(STAMP)
	$(BIN)/python -m secft settings --markdown > docs/settings.md.new && mv docs/settings.md.new docs/settings.md
	$(BIN)/python -m secft settings --schema > docs/settings.schema.json.new && mv docs/settings.schema.json.new docs/settings.schema.json

setup: $(STAMP)

PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
LOCKED := --no-deps --require-hashes

$(STAMP): requirements.lock requirements-nodeps.lock requirements-torch.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("secft needs Python 3.11 or newer" if sys.version_info < (3, 11) else 0)'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) $(LOCKED) -r requirements.lock
	$(PIP) $(LOCKED) -r requirements-nodeps.lock
	$(PIP) -r requirements-torch.lock
	$(PIP) --no-deps --editable .
	touch $(STAMP)

HASHED := .lock-venv/bin/python -m uv pip compile --quiet --no-deps --generate-hashes --no-header --no-annotate

lock:
	rm -rf .lock-venv
	$(PYTHON) -m venv .lock-venv
	.lock-venv/bin/python -m pip install --quiet torch==2.13.0
	.lock-venv/bin/python -m pip install --quiet '.[security-data,documents,openai,gemini,llama-cpp,curation,ray,sweep,hub,train,qlora,eval,dev]' gguf
	.lock-venv/bin/python -m pip install --quiet uv
	.lock-venv/bin/python -m pip freeze --exclude secft --exclude setuptools --exclude uv > .lock-venv/all.txt
	grep '^torch==' .lock-venv/all.txt | sed 's/+cpu$$//' > .lock-venv/torch.txt
	grep -v '^torch==' .lock-venv/all.txt > .lock-venv/pins.txt
	$(HASHED) .lock-venv/pins.txt -o .lock-venv/pins.lock
	$(HASHED) requirements-nodeps.lock -o .lock-venv/nodeps.lock
	for name in requirements requirements-nodeps requirements-torch; do grep '^#' $$name.lock > .lock-venv/$$name.head; done
	cat .lock-venv/requirements.head .lock-venv/pins.lock > requirements.lock
	cat .lock-venv/requirements-nodeps.head .lock-venv/nodeps.lock > requirements-nodeps.lock
	cat .lock-venv/requirements-torch.head .lock-venv/torch.txt > requirements-torch.lock
	rm -rf .lock-venv

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache
