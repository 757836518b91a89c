# Short targets that CI calls too. `make serve` and `make test` set up a fresh machine by themselves.
VENV ?= .venv
BIN := $(VENV)/bin
PORT ?= 8000
JOBS ?= 2
NATIVE := build/native
CMAKE = PATH="$(CURDIR)/$(BIN):$$PATH" cmake
export VENV

.PHONY: serve setup setup-dev test check lint format type native sanitize unit bench clean

serve: setup
	@$(BIN)/continuo serve --port $(PORT) $(if $(CONFIG),--config $(CONFIG)) --first-sound

setup:
	@scripts/setup serve

setup-dev:
	@scripts/setup dev

test: setup-dev lint type native
	$(BIN)/coverage run -m pytest -m "not slow and not s3 and not postgres"
	$(BIN)/coverage report

check: setup-dev lint type native sanitize
	$(BIN)/python -m pytest

lint: setup-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/lint-imports --no-cache
	find native -name '*.h' -o -name '*.cpp' | xargs $(BIN)/clang-format --dry-run -Werror

format: setup-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	find native -name '*.h' -o -name '*.cpp' | xargs $(BIN)/clang-format -i

type: setup-dev
	$(BIN)/mypy
	MYPYPATH=native/bindings $(BIN)/python -m mypy.stubtest synth_native

native: setup-dev
	$(CMAKE) -S native -B $(NATIVE) -G Ninja -DCMAKE_BUILD_TYPE=Release -DSYNTH_TESTS=ON -DSYNTH_PYTHON=OFF
	$(CMAKE) --build $(NATIVE) -j $(JOBS)
	native/tests/check_isa.sh $(NATIVE)
	for isa in $$($(NATIVE)/synth_tests --isas); do SYNTH_ISA=$$isa $(NATIVE)/synth_tests || exit 1; done

sanitize: setup-dev
	$(CMAKE) -S native -B $(NATIVE)-sanitize -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DSYNTH_TESTS=ON -DSYNTH_PYTHON=OFF \
	    -DSYNTH_SANITIZE=address,undefined
	$(CMAKE) --build $(NATIVE)-sanitize -j $(JOBS)
	$(NATIVE)-sanitize/synth_tests

bench: setup-dev
	$(BIN)/python bench/spine.py

clean:
	rm -rf build .venv .mypy_cache .ruff_cache .pytest_cache
