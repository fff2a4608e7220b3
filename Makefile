# Two commands do everything: `make app` opens the page, `make test` runs all tests.
PYTHON ?= python3
DATA ?= ../shared/data/hotdog
DEMO ?= runs/demo
BIN := .venv/bin
RUN := $(BIN)/python
LICENCE := The weights are Apache-2.0. They were trained from EfficientNet-Lite0 (Apache-2.0) on pictures of ImageNet, Food-101 and 24 public collections, which are for research or state no owner and are not part of this project, and on rendered pictures (Noto Color Emoji, OFL; openclipart, public domain; own drawings).

# Of a requirements file: its lock, where that was made for such a machine.
LOCKED := import platform as p, sys; sys.exit((p.system(), p.machine()) != ("Linux", "x86_64") or sys.version_info[:2] not in ((3, 11), (3, 12)))
define install
@if $(RUN) -c '$(LOCKED)'; then \
	$(RUN) -m pip install --require-hashes --requirement $(1).lock; \
else \
	echo "$(1).lock is for Linux on x86-64 with Python 3.11 or 3.12: here versions are pinned, but no hashes are checked."; \
	$(RUN) -m pip install --requirement $(1).txt; \
fi
endef

.PHONY: app test quick check lock format train demo-data evaluate bench soak clean

app: .venv/app.stamp  ## open the page with the model in exported/
	$(RUN) app.py $(ARGS)

test: .venv/dev.stamp  ## run all tests
	$(RUN) -m pytest $(ARGS)

quick: .venv/dev.stamp  ## run the tests that need neither a browser nor a training
	$(RUN) -m pytest -m "not browser and not slow" $(ARGS)

check: .venv/dev.stamp  ## format, lint, types, known vulnerabilities, tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(RUN) .ci/audit.py
	$(RUN) -m pytest $(ARGS)

lock: .venv/dev.stamp  ## write requirements.lock and requirements-dev.lock anew
	$(RUN) .ci/lock.py

format: .venv/dev.stamp  ## format the code, and fix what the linter can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

demo-data: .venv/app.stamp  ## render food pictures from an open-licence font, clip art and drawings
	$(RUN) -m trainer demo-data $(DEMO)

train: .venv/app.stamp  ## train the shipped model anew, or resume
	test -d $(DEMO)/heldout || $(RUN) -m trainer demo-data $(DEMO)
	$(RUN) -m trainer train $(DATA) $(DEMO)/train --model hotdog --catch-all not_hot_dog --corrections trainer/corrections/hotdog.csv --val-names trainer/corrections/hotdog_val.txt --frozen 3 --licence "$(LICENCE)" $(ARGS)

evaluate: .venv/app.stamp  ## measure the version in use on the test pictures
	$(RUN) -m trainer evaluate $(DATA) --model hotdog $(ARGS)
	$(RUN) -m benchmarks.quality.out_of_distribution --pictures $(DATA)
	$(RUN) -m benchmarks.quality.label_noise --pictures $(DATA)

soak: .venv/dev.stamp  ## attack decoding and running pages for 25 minutes, and print what failed
	$(RUN) -m benchmarks.soak $(ARGS)

bench: .venv/app.stamp  ## measure it beside its alternatives; writes docs/*.png
	$(RUN) -m benchmarks --results docs/bench.json --plot docs/bench.png $(ARGS)
	$(RUN) -m benchmarks.serving.scaling --plot docs/growth.png
	$(RUN) -m benchmarks.quality.few_shot --plot docs/teaching.png
	test ! -d $(DATA)/train || $(RUN) -m benchmarks.training.teach_tab $(DATA)/train

clean:  ## remove the environment; runs/ and exported/ stay
	rm -rf .venv

.venv/app.stamp: requirements.txt requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 …")'
	$(RUN) -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	@echo "Installing what requirements.txt lists: a few minutes, 7 GB, once."
	$(call install,requirements)
	touch $@

.venv/dev.stamp: requirements-dev.txt requirements-dev.lock .venv/app.stamp
	$(call install,requirements-dev)
	touch $@
