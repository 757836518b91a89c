# Short targets that CI calls too. `make serve` and `make test` set up a fresh machine by themselves.
VENV ?= .venv
BIN := $(VENV)/bin
PORT ?= 8000
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
# Processes of pytest; each starts services of its own where its tests need them.
WORKERS ?= 2
ENGINE := build/engine
CMAKE = PATH="$(CURDIR)/$(BIN):$$PATH" cmake
export VENV CONFIG EXTRAS

.PHONY: serve setup setup-dev test check soak lint format type native sanitize tsan fuzz wheel coverage bench clean

serve: setup
	@$(BIN)/continuo serve --port $(PORT) $(if $(CONFIG),--config $(CONFIG)) --first-sound

setup:
	@scripts/setup serve

setup-dev:
	@scripts/setup dev

# tests/conftest.py says what the workers share out, and in which order.
PYTEST = $(BIN)/python -m pytest --numprocesses $(WORKERS) --no-loadscope-reorder
QUICK = not slow and not s3 and not postgres

test: setup-dev lint type native
	$(PYTEST) -m "$(QUICK)"

# What `make test` has not.
check: setup-dev fuzz tsan
	$(PYTEST) -m "not ($(QUICK))"

# The tests that need minutes of real time, as long as they need; `make check` has a short form of each.
soak: setup-dev
	SOAK=1 $(BIN)/python -m pytest -m soak

coverage: setup-dev
	$(BIN)/coverage run -m pytest -m "$(QUICK)"
	$(BIN)/coverage report

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

# Built by the set-up, in the same tree as the Python module.
native: setup-dev
	native/tests/check_isa.sh $(ENGINE)
	for isa in $$($(ENGINE)/synth_tests --isas); do echo $$isa 1/2 $$isa 2/2; done | \
	    xargs -P $(JOBS) -n 2 sh -c 'SYNTH_ISA=$$0 $(ENGINE)/synth_tests --shard $$1'

SANITIZED = -S native -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_CXX_FLAGS_RELWITHDEBINFO="-O1 -findirect-inlining -g1 -DNDEBUG" \
            -DSYNTH_TESTS=ON -DSYNTH_PYTHON=OFF

# Address and undefined behaviour over all tests. One instruction set beyond the baseline holds all intrinsics.
sanitize: setup-dev
	$(CMAKE) $(SANITIZED) -B build/sanitize -DSYNTH_SANITIZE=address,undefined -DSYNTH_ISAS=v3
	$(CMAKE) --build build/sanitize -j $(JOBS)
	seq $(JOBS) | xargs -P $(JOBS) -I@ build/sanitize/synth_tests --shard @/$(JOBS)

# Data races: the tests that use threads.
tsan: setup-dev
	$(CMAKE) $(SANITIZED) -B build/tsan -DSYNTH_SANITIZE=thread -DSYNTH_ISAS=
	$(CMAKE) --build build/tsan -j $(JOBS)
	build/tsan/synth_tests threads

# Random graphs at extremes under the address sanitizer.
FUZZ_S ?= 30
fuzz: sanitize
	build/sanitize/synth_audio_fuzz 300
	build/sanitize/synth_fuzz $(FUZZ_S)

# For all instruction sets, in a folder of its own: dist/continuo_sound-*.whl.
wheel: setup-dev
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation -w dist .

bench: setup-dev
	$(BIN)/python bench/spine.py

clean:
	rm -rf build .venv .mypy_cache .ruff_cache .pytest_cache
