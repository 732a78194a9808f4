# The words a newcomer types. Meson and ninja do the work; everything lands under build/.
# Variables: PREFIX or prefix, DESTDIR, SEEDS, FUZZ_SECONDS, SOAK_SECONDS, JOBS.

prefix ?= /usr/local
PREFIX ?= $(prefix)
DESTDIR ?=
SEEDS ?= 10000
FUZZ_SECONDS ?= 60
SOAK_SECONDS ?= 3600
JOBS ?= $(shell nproc)

export SEEDS FUZZ_SECONDS SOAK_SECONDS JOBS

.PHONY: all demo check sim fuzz bench soak interop formal install uninstall clean help
.DEFAULT_GOAL := all

all:
	@tests/build release build --prefix=$(PREFIX)

demo:
	@tests/lab/demo

check:
	@tests/check

sim:
	@tests/build tests build/check
	@tests/run --meson build/check --suite sim --seconds 864000 --verbose

fuzz:
	@tests/build fuzz build/fuzz
	@tests/fuzz/run build/fuzz $(FUZZ_SECONDS)

bench:
	@tests/build bench build/bench
	@tests/run --seconds 3600 --verbose $(wildcard tests/bench/bench_*.py tests/bench/bench_*.sh) \
	    --meson build/bench --suite bench

soak:
	@tests/build tests build/check
	@tests/soak build/check

interop:
	@tools/setup check
	@tests/build tests build/check
	@POSTERN_BUILD=$(CURDIR)/build/check tests/run --seconds 1200 --verbose \
	    tests/interop/run_interop.py

formal:
	@tests/run --seconds 3600 --verbose formal/run

install: all
	@DESTDIR=$(DESTDIR) meson install -C build --no-rebuild --quiet
	@echo "installed in $(DESTDIR)$(PREFIX)"

uninstall:
	@ninja -C build uninstall

clean:
	rm -rf build

help:
	@echo "make                     build into build/ (release)"
	@echo "make demo                as root: two gateways, a tunnel, real traffic, proof on the wire"
	@echo "make check               as root: install what is missing, build, run every test"
	@echo "make sim SEEDS=N         N seeds of the simulator ($(SEEDS))"
	@echo "make fuzz FUZZ_SECONDS=N every fuzzer for N seconds ($(FUZZ_SECONDS))"
	@echo "make bench               measure the packet path and the handshake"
	@echo "make soak SOAK_SECONDS=N simulator, fuzzers and lab over and over ($(SOAK_SECONDS))"
	@echo "make interop             as root: against strongSwan"
	@echo "make formal              prove the models of formal/, where ProVerif is installed"
	@echo "make install             into PREFIX ($(PREFIX)), below DESTDIR"
	@echo "make uninstall           take away what make install put there"
	@echo "make clean               remove build/"
