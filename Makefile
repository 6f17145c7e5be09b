# Everything needs only make and a Python of at least 3.11; see README.rst.
#
#   make run          start the demo server of sample.yaml on port 8090
#   make test         install what the tests need, real servers included; run everything
#                     (some minutes; twice as many programs at a time as there are
#                     processors, or JOBS=1: one after the other)
#   make check        the quick part, for every commit: lint, types, server-free tests
#   make lint         style, types, layers, documentation
#   make docs         build the documentation into docs/_build/html
#   make reference    write the generated part of docs/configuration.rst anew
#   make bench        print performance figures
#   make test-oldest  the server-free tests with the oldest dependencies allowed
#   make mutants      try small faults: does a test notice? (SEED=1 COUNT=300; minutes)
#   make changes      show what the next release will say it changed
#   make clean        remove what the above made

VENV = .venv
OLDEST = .venv-oldest
SYNAPSE = .venv-synapse
SYDENT = .venv-sydent
MUTANTS = .venv-mutants
SEED = 1
COUNT = 300
BIN = $(VENV)/bin
PIP = bin/python -m pip install --quiet --disable-pip-version-check
PROJECT = setup.cfg setup.py pyproject.toml

.PHONY: run test check lint docs reference bench test-oldest mutants changes clean

run: $(VENV)/has-server
	$(BIN)/twistd -n --pidfile= mxisd -c sample.yaml

test: $(VENV)/has-tools $(SYNAPSE)/has-synapse $(SYDENT)/has-sydent
	.ci/packages
	$(BIN)/python .ci/run_tests.py all $(JOBS)

check: $(VENV)/has-tools
	$(BIN)/python .ci/run_tests.py check $(JOBS)

lint: $(VENV)/has-tools
	$(BIN)/python .ci/run_tests.py lint $(JOBS)

docs: $(VENV)/has-tools
	$(BIN)/python -m sphinx -W -b html docs docs/_build/html

reference: $(VENV)/has-tools
	$(BIN)/python docs/reference.py

bench: $(VENV)/has-tools
	$(BIN)/python -m bench

test-oldest: $(OLDEST)/has-tools
	$(OLDEST)/bin/python .ci/run_tests.py trial $(JOBS)

mutants: $(MUTANTS)/has-mutmut
	$(MUTANTS)/bin/python .ci/mutants.py $(SEED) $(COUNT)

changes: $(VENV)/has-tools
	$(BIN)/towncrier build --draft --version next

clean:
	rm -rf $(VENV) $(OLDEST) $(SYNAPSE) $(SYDENT) $(MUTANTS) build dist docs/_build _trial_temp* .hypothesis
	rm -rf .mypy_cache .ruff_cache .import_linter_cache *.egg-info

# The stamps say what a virtual environment has; a change of the project's metadata
# makes them old.
$(VENV)/is-there: .ci/venv
	.ci/venv $(VENV)
	@touch $@

$(OLDEST)/is-there: .ci/venv
	.ci/venv $(OLDEST) oldest
	@touch $@

$(VENV)/has-server: $(VENV)/is-there $(PROJECT)
	@echo "Installing mxisd into $(VENV); the first time this takes a minute."
	@$(VENV)/$(PIP) -e .
	@touch $@

$(VENV)/has-tools: $(VENV)/is-there $(PROJECT)
	@echo "Installing mxisd and the tools into $(VENV); this takes a minute."
	@$(VENV)/$(PIP) -e '.[test,docs]'
	@touch $@ $(VENV)/has-server

$(OLDEST)/has-tools: $(OLDEST)/is-there .ci/oldest.py $(PROJECT)
	$(OLDEST)/bin/python .ci/oldest.py setup.cfg > $(OLDEST)/constraints.txt
	$(OLDEST)/$(PIP) -c $(OLDEST)/constraints.txt -e '.[test]'
	@touch $@

$(SYNAPSE)/has-synapse: .ci/venv .ci/synapse.txt
	@echo "Installing Synapse into $(SYNAPSE) for the tests; this takes half a minute."
	.ci/venv $(SYNAPSE)
	$(SYNAPSE)/$(PIP) -r .ci/synapse.txt
	@touch $@

$(SYDENT)/has-sydent: .ci/venv .ci/sydent.txt
	@echo "Installing sydent into $(SYDENT) for the tests; this takes half a minute."
	.ci/venv $(SYDENT)
	$(SYDENT)/$(PIP) -r .ci/sydent.txt
	@touch $@

# What is installed must not be found beside the copy that has the faults.
$(MUTANTS)/has-mutmut: .ci/venv .ci/mutants.txt $(PROJECT)
	.ci/venv $(MUTANTS)
	$(MUTANTS)/$(PIP) -e '.[test]' -r .ci/mutants.txt
	$(MUTANTS)/bin/python -m pip uninstall --quiet --yes mxisd
	@touch $@
