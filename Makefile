# Short targets that CI calls too. `make serve` and `make test` set up a fresh machine by themselves.
VENV ?= .venv
BIN := $(VENV)/bin
PORT ?= 8000
JOBS ?= 2
NATIVE := build/native
CMAKE = PATH="$(CURDIR)/$(BIN):$$PATH" cmake
export VENV

.PHONY: serve setup setup-dev test check lint format type native sanitize tsan fuzz unit bench clean

serve: setup
	@$(BIN)/continuo serve --port $(PORT) $(if $(CONFIG),--config $(CONFIG)) --first-sound

setup:
	@scripts/setup serve

setup-dev:
	@scripts/setup dev

test: setup-dev lint type native
	$(BIN)/coverage run -m pytest -m "not slow and not s3 and not postgres"
	$(BIN)/coverage report

check: setup-dev lint type native sanitize tsan fuzz
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

SANITIZED = -S native -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DSYNTH_TESTS=ON -DSYNTH_PYTHON=OFF

# Address and undefined behaviour over all tests. One instruction set beyond the baseline holds all intrinsics.
sanitize: setup-dev
	$(CMAKE) $(SANITIZED) -B $(NATIVE)-sanitize -DSYNTH_SANITIZE=address,undefined -DSYNTH_ISAS=v3
	$(CMAKE) --build $(NATIVE)-sanitize -j $(JOBS)
	$(NATIVE)-sanitize/synth_tests

# Data races: the tests that use threads.
tsan: setup-dev
	$(CMAKE) $(SANITIZED) -B $(NATIVE)-tsan -DSYNTH_SANITIZE=thread -DSYNTH_ISAS=
	$(CMAKE) --build $(NATIVE)-tsan -j $(JOBS)
	$(NATIVE)-tsan/synth_tests threads

# A minute of random graphs at extremes under the address sanitizer.
fuzz: sanitize
	$(NATIVE)-sanitize/synth_fuzz 60

bench: setup-dev
	$(BIN)/python bench/spine.py

clean:
	rm -rf build .venv .mypy_cache .ruff_cache .pytest_cache
