# SPDX-License-Identifier: MIT
#
# Makefile - from a fresh clone to a verdict. `make help` lists what there is to type.
#
# Every goal first runs tools/setup, which installs and fetches what that goal needs and does
# nothing when nothing is missing. All that is made lies in build/: one folder a compiler
# (build/gcc, build/clang, with -debug behind it for DEBUG=1), build/host for the host tests,
# build/cache for what was fetched.

# ---------------------------------------------------------------- what can be chosen

ifeq ($(origin CC),default)
CC := gcc
endif
ifeq ($(filter gcc clang,$(CC)),)
$(error CC=$(CC) is not known; allowed: gcc clang)
endif
DEBUG    ?= 0
MEM      ?= 64
POLICY   ?= integrated
WORKLOAD ?= mix 128
STORE    ?= log
CHECK    ?=
EVICT    ?=
SEED     ?= 1
STATS    ?= 500ms
SWAP     ?= 512
DISK     ?= build/disk.img
PACE     ?= ssd
TIMEOUT  ?= 600
DET      ?= 0
BOOT     ?=
STEPS    ?= 20000
APPEND   ?=

ifeq ($(filter 0 1,$(DEBUG)),)
$(error DEBUG=$(DEBUG) is not known; allowed: 0 1)
endif

B     := build/$(CC)$(if $(filter 1,$(DEBUG)),-debug)
CACHE := build/cache
LZ4   := $(CACHE)/lz4-1.9.4
LIBC  := $(CACHE)/newlib
H     := build/host

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:
.SECONDARY:
MAKEFLAGS += --no-builtin-rules

# Use both CPUs unless told otherwise; a run of the kernel needs one.
ifeq ($(filter -j%,$(MAKEFLAGS)),)
MAKEFLAGS += -j$(shell nproc)
endif
Q := $(if $(V),,@)

# ---------------------------------------------------------------- set-up before anything else

GOALS := $(or $(MAKECMDGOALS),all)
GROUPS := build $(filter clang,$(CC))
GROUPS += $(if $(filter run run-det iso image build/disk.img,$(GOALS)),run)
GROUPS += $(if $(filter test test-host test-guest test-system sim bench bench-store bench-paths bench-cases host-build lint,$(GOALS)),test)
GROUPS += $(if $(filter bench-cases,$(GOALS))$(filter --plot,$(REGRET)),plot)
GROUPS += $(if $(filter test test-system,$(GOALS)),clang)
GROUPS += $(if $(filter lint format,$(GOALS)),lint clang)
GROUPS += $(if $(filter debug,$(GOALS)),debug)

.PHONY: setup
setup: ## install and fetch what is missing; every other goal does it by itself
	@tools/setup $(sort $(GROUPS))

# ---------------------------------------------------------------- flags

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wno-unused-parameter \
	-Wno-sign-compare -Wno-address-of-packed-member -Werror

# The compiler's own headers (stddef.h, stdint.h ...), found late: it may not be installed yet.
OWN_HEADERS = $(OWN_HEADERS_$(CC))
OWN_HEADERS_gcc   = $(eval OWN_HEADERS_gcc := $(shell gcc -print-file-name=include))$(OWN_HEADERS_gcc)
OWN_HEADERS_clang = $(eval OWN_HEADERS_clang := $(shell clang -print-resource-dir)/include)$(OWN_HEADERS_clang)

COMMON := -std=gnu11 -O2 -g -fno-pie -fno-stack-protector -fno-omit-frame-pointer \
	-fno-strict-aliasing -fno-common -ffunction-sections -fdata-sections \
	-fno-asynchronous-unwind-tables -fdebug-prefix-map=$(CURDIR)=. -nostdinc -MMD -MP

# The kernel: no SIMD state to save, no red zone under interrupts, linked in the top 2 GiB.
KFLAGS = $(COMMON) -ffreestanding -mcmodel=kernel -mno-red-zone -mgeneral-regs-only \
	-DCONFIG_DEBUG=$(DEBUG) -I. -isystem $(LZ4) -isystem $(OWN_HEADERS)

# Programs run in ring 3 at low addresses, hosted by newlib.
PFLAGS = $(COMMON) -D__DYNAMIC_REENT__ -I. -isystem $(OWN_HEADERS) -isystem $(LIBC)/include

# LZ4 is compiled as it came; the macros it asks for are ours. It wants limits.h, which is newlib's. Like newlib
# it is gcc's work in every build: policies weigh what the codec takes, and clang 14 takes up to a fifth more, so
# under CC=clang one would compare two LZ4s where our code is meant.
LZ4FLAGS := -include compress/lz4_config.h -w

NASMFLAGS := -f elf64 -g -F dwarf -Werror -I./ -DCONFIG_DEBUG=$(DEBUG)
LDFLAGS   := -nostdlib -static --no-dynamic-linker -z max-page-size=4096 -z noexecstack \
	--build-id=none --gc-sections --fatal-warnings
LIBGCC     = $(shell gcc -print-libgcc-file-name)

# ---------------------------------------------------------------- sources

KDIRS := boot kernel mm compress drivers fs lib tests/guest tests/store
KSRC  := $(sort $(foreach d,$(KDIRS),$(wildcard $(d)/*.c $(d)/*.asm)))
PSRC  := $(sort $(wildcard workloads/*.c workloads/*.asm workloads/libc/*.c workloads/libc/*.asm))
KOBJ  := $(KSRC:%=$(B)/k/%.o) $(B)/k/lz4.c.o $(B)/k/version.c.o
POBJ  := $(PSRC:%=$(B)/p/%.o)

KERNEL   := $(B)/harmony.elf
PROGRAMS := $(B)/programs.elf

.PHONY: all
all: $(KERNEL) $(B)/harmony.boot.elf ## the kernel, with all workloads inside

$(B)/k/%.c.o: %.c Makefile | setup
	@mkdir -p $(@D)
	@echo "  CC    $<"
	$(Q)$(CC) $(KFLAGS) $(WARN) -c -o $@ $<

$(B)/k/%.asm.o: %.asm Makefile | setup
	@mkdir -p $(@D)
	@echo "  NASM  $<"
	$(Q)nasm $(NASMFLAGS) -MD $(@:.o=.d) -MP -MQ $@ -o $@ $<

$(B)/k/lz4.c.o: override CC := gcc
$(B)/k/lz4.c.o: $(LZ4)/lz4.c Makefile | setup
	@mkdir -p $(@D)
	@echo "  CC    $<"
	$(Q)$(CC) $(KFLAGS) -DLZ4_FREESTANDING=1 -isystem $(LIBC)/include $(LZ4FLAGS) -c -o $@ $<

$(LZ4)/lz4.c: | setup ;

$(B)/p/%.c.o: %.c Makefile | setup
	@mkdir -p $(@D)
	@echo "  CC    $<"
	$(Q)$(CC) $(PFLAGS) $(WARN) -c -o $@ $<

$(B)/p/%.asm.o: %.asm Makefile | setup
	@mkdir -p $(@D)
	@echo "  NASM  $<"
	$(Q)nasm $(NASMFLAGS) -MD $(@:.o=.d) -MP -MQ $@ -o $@ $<

# What was built, for the first line of every run; rewritten only when it changes.
VERSION := $(shell git describe --always --dirty --tags 2>/dev/null || echo unversioned)
$(B)/version.c: FORCE | setup
	@mkdir -p $(@D)
	@printf '%s\n' '#include "kernel/version.h"' \
		'const char harmony_version[HARMONY_VERSION_BYTES] __attribute__((section(".version"))) =' \
		'	"$(VERSION) $(CC)$(if $(filter 1,$(DEBUG)), debug)";' \
		'const char harmony_compiler[] = "$(CC) " __VERSION__;' \
		>$@.$$$$; cmp -s $@.$$$$ $@ && rm $@.$$$$ || mv $@.$$$$ $@
$(B)/k/version.c.o: $(B)/version.c Makefile
	@mkdir -p $(@D)
	$(Q)$(CC) $(KFLAGS) $(WARN) -c -o $@ $<
.PHONY: FORCE

# ---------------------------------------------------------------- programs

$(PROGRAMS): $(POBJ) workloads/programs.ld Makefile
	@echo "  LD    $@"
	$(Q)ld $(LDFLAGS) -T workloads/programs.ld -Map=$(@:.elf=.map) -o $@ $(POBJ) \
		--start-group $(LIBC)/lib/libc.a $(LIBC)/lib/libm.a $(LIBGCC) --end-group

# The image carried inside the kernel needs no debug information.
$(B)/programs.bin: $(PROGRAMS)
	$(Q)strip --strip-all -o $@ $<

$(B)/k/kernel/programs_blob.asm.o: NASMFLAGS += -dPROGRAMS_ELF='"$(B)/programs.bin"'
$(B)/k/kernel/programs_blob.asm.o: $(B)/programs.bin

# ---------------------------------------------------------------- the kernel, linked twice
#
# The symbol table for backtraces is made from the first link and lies behind all text, so that
# the second link moves nothing it names.

$(B)/ksyms-empty.asm: tools/ksyms | setup
	@mkdir -p $(@D)
	$(Q)tools/ksyms /dev/null /dev/null >$@

$(B)/ksyms.asm: $(B)/pass1.elf $(PROGRAMS) tools/ksyms
	$(Q)nm -n $< >$(B)/pass1.nm && nm -n $(PROGRAMS) >$(B)/programs.nm
	$(Q)tools/ksyms $(B)/pass1.nm $(B)/programs.nm >$@

$(B)/ksyms%.o: $(B)/ksyms%.asm
	$(Q)nasm -f elf64 -o $@ $<
$(B)/ksyms.o: $(B)/ksyms.asm
	$(Q)nasm -f elf64 -o $@ $<

$(B)/pass1.elf: $(KOBJ) $(B)/ksyms-empty.o linker.ld
	$(Q)ld $(LDFLAGS) -T linker.ld -o $@ $(KOBJ) $(B)/ksyms-empty.o

$(KERNEL): $(KOBJ) $(B)/pass1.elf $(B)/ksyms.o
	@echo "  LD    $@"
	$(Q)ld $(LDFLAGS) -T linker.ld -Map=$(@:.elf=.map) -o $@.new $(KOBJ) $(B)/ksyms.o
	$(Q)nm -n $@.new | tools/ksyms --same-text $(B)/pass1.nm
	$(Q)mv $@.new $@

$(B)/harmony.boot.elf: $(KERNEL)
	$(Q)strip --strip-debug -o $@.new $< && mv $@.new $@

# ---------------------------------------------------------------- running

RUN = tools/run --build $(B) --mem '$(MEM)' --policy '$(POLICY)' --workload '$(WORKLOAD)' \
	--store '$(STORE)' $(if $(CHECK),--check '$(CHECK)') $(if $(EVICT),--evict '$(EVICT)') \
	--seed '$(SEED)' --stats '$(STATS)' --swap '$(SWAP)' --disk '$(DISK)' --pace '$(PACE)' \
	--timeout '$(TIMEOUT)' --append '$(APPEND)' $(if $(BOOT),--boot '$(BOOT)')

.PHONY: run run-det debug iso image
run: all $(filter build/disk.img,$(DISK)) ## boot through GRUB in QEMU and run WORKLOAD (see below)
	@$(RUN) $(if $(filter 1,$(DET)),--det)

run-det: all $(filter build/disk.img,$(DISK)) ## the same in virtual time (-icount): every run alike, byte for byte
	@$(RUN) --det

debug: all $(filter build/disk.img,$(DISK)) ## the same with gdb attached, stopped before the first instruction
	@$(RUN) --timeout 0 --debug-gdb

iso: $(B)/harmony.iso ## a bootable ISO image with the words chosen
$(B)/harmony.iso: all
	@$(RUN) --iso-only $@

image: build/disk.img ## the default data disk: real files in an ext2 image
build/disk.img: tools/mkimage | setup
	@tools/mkimage $@

# ---------------------------------------------------------------- tests on the host
#
# The real mm/, compress/ and lib/ sources over tests/host/env.c, under ASan and UBSan; and the
# parsers of what comes from outside, which are pure functions.

HFLAGS := -std=gnu11 -O1 -g -DHARMONY_HOST -DCONFIG_DEBUG=1 -D_GNU_SOURCE -I. -isystem $(LZ4) \
	-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer \
	-fno-strict-aliasing -fno-common -MMD -MP
HLIB  := $(sort $(wildcard mm/*.c compress/*.c lib/*.c fs/*.c tests/store/*.c) \
	kernel/cmdline.c boot/bootinfo.c drivers/disk_model.c drivers/paced.c \
	$(filter-out tests/host/test_%.c tests/host/bench_%.c tests/host/sim.c,$(wildcard tests/host/*.c)))
HLIBO := $(HLIB:%=$(H)/%.o) $(H)/lz4.c.o
HTEST := $(patsubst tests/host/%.c,$(H)/%,$(sort $(wildcard tests/host/test_*.c)))

$(H)/%.c.o: %.c Makefile | setup
	@mkdir -p $(@D)
	@echo "  HOST  $<"
	$(Q)gcc $(HFLAGS) $(WARN) -c -o $@ $<

$(H)/lz4.c.o: $(LZ4)/lz4.c Makefile | setup
	@mkdir -p $(@D)
	@echo "  HOST  $<"
	$(Q)gcc $(HFLAGS) $(LZ4FLAGS) -c -o $@ $<

$(H)/libharmony.a: $(HLIBO)
	$(Q)rm -f $@ && ar rcsD $@ $^

$(H)/test_%: $(H)/tests/host/test_%.c.o $(H)/libharmony.a
	$(Q)gcc $(HFLAGS) -o $@ $< $(H)/libharmony.a -lcmocka

$(H)/sim: $(H)/tests/host/sim.c.o $(H)/libharmony.a
	$(Q)gcc $(HFLAGS) -o $@ $< $(H)/libharmony.a -lcmocka

# The bench of the stores: the same sources once more, optimised and without sanitizers.
HO       := build/host-opt
HOFLAGS  := -std=gnu11 -O2 -g -DHARMONY_HOST -D_GNU_SOURCE -I. -isystem $(LZ4) \
	-fno-strict-aliasing -fno-common -MMD -MP
BENCHSRC := $(sort $(wildcard compress/*.c tests/store/*.c tests/host/bench_*.c) \
	lib/print.c lib/prng.c lib/string.c)
BENCHOBJ := $(BENCHSRC:%=$(HO)/%.o) $(HO)/lz4.c.o

$(HO)/%.c.o: %.c Makefile | setup
	@mkdir -p $(@D)
	@echo "  HOST  $<"
	$(Q)gcc $(HOFLAGS) $(WARN) -c -o $@ $<

$(HO)/lz4.c.o: $(LZ4)/lz4.c Makefile | setup
	@mkdir -p $(@D)
	@echo "  HOST  $<"
	$(Q)gcc $(HOFLAGS) $(LZ4FLAGS) -c -o $@ $<

$(H)/bench_store: $(BENCHOBJ)
	@mkdir -p $(@D)
	$(Q)gcc -o $@ $^

.PHONY: host-build test test-host test-guest test-system sim bench bench-store bench-paths bench-cases regret
host-build: $(HTEST) $(H)/bench_store $(if $(wildcard tests/host/sim.c),$(H)/sim)

test: all host-build build/disk.img ## everything below; ends with "N passed, N failed"
	@tools/test --build $(B)

test-host: host-build build/disk.img ## unit and property tests of mm/ and compress/, and the simulator, on the host
	@tools/test --build $(B) tools host sim

test-guest: all build/disk.img ## the tests that run inside the kernel
	@tools/test --build $(B) guest

test-system: all build/disk.img ## whole runs and bad input, through the commands users type
	@tools/test --build $(B) system

sim: $(H)/sim ## the simulator alone: make sim SEED=7 STEPS=100000
	$(H)/sim $(SEED) $(STEPS)

bench-store: $(H)/bench_store $(if $(QUICK),,all) build/disk.img ## the stores side by side, on the host and in the guest (QUICK=1: a minute)
	@tools/bench-store --build $(B) $(if $(QUICK),--quick) $(BENCH_STORE)

bench-paths: all build/disk.img ## instructions of a decompress fault and of compressing a page out, beside LZ4's alone
	@tools/bench-paths --build $(B) $(BENCH_PATHS)

bench: all build/disk.img ## the matrix policy x workload x footprint x disk (QUICK=1: against the committed figures)
	@tools/bench --build $(B) $(if $(QUICK),--quick) $(if $(ACCEPT),--accept) $(BENCH_MEM) \
		$(if $(JOBS),--jobs '$(JOBS)') $(if $(SHARD),--shard '$(SHARD)') $(BENCH)

bench-cases: all build/disk.img ## single questions with limits: ageing, sleeper, exit, step, phases, kswapd (QUICK=1: a minute)
	@tools/bench-cases --build $(B) $(if $(QUICK),--quick) $(BENCH_MEM) $(if $(JOBS),--jobs '$(JOBS)') $(BENCH_CASES)

# 64 MiB, the default of a run, would take days.
BENCH_MEM = $(if $(filter file default,$(origin MEM)),,--mem '$(MEM)')

regret: ## what integrated loses to the best static setting of each cell, from RESULTS (default: make bench's)
	@tools/regret --build $(B) $(RESULTS) $(REGRET)

# ---------------------------------------------------------------- keeping the tree in order

.PHONY: lint format clean distclean help
lint: | setup ## format, warnings under both compilers, who includes whom, size of files
	@tools/lint

format: | setup ## let clang-format rewrite the C sources
	@tools/lint --files c | xargs clang-format -i

clean: ## remove what was built, keep what was fetched
	rm -rf build/gcc build/gcc-debug build/clang build/clang-debug build/host build/host-opt build/iso \
		build/run build/test build/bench build/bench-store build/log build/disk.img

distclean: ## remove everything that is not source
	rm -rf build

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo "  CC=gcc|clang DEBUG=0|1 MEM=64 (MiB) WORKLOAD='mix 128'"
	@echo "  POLICY=integrated|none|zram|zswap|zcache|parity|twoqueue, with settings: zswap,max_pool_pct=35"
	@echo "  (several at once: WORKLOAD='kv 32 + sort 32')"
	@echo "  STORE=log|zbud|zsmalloc CHECK=on|off (checksums) EVICT=frames|pages (how zpages go to swap)"
	@echo "  SEED=1 STATS=500ms TIMEOUT=600 (s) DET=0|1 BOOT=grub|pvh"
	@echo "  SWAP=512 (MiB, 0: no swap disk, or an image's path) DISK=path|none"
	@echo "  PACE=none|nvme|ssd|hdd (how fast disks may be, default ssd)"
	@echo "  APPEND='more words' V=1 (show commands)"
	@echo "  make bench: JOBS=n SHARD=i/m QUICK=1 ACCEPT=1 BENCH='--workloads kv ...' (tools/bench --help)"
	@echo "  make bench-cases: JOBS=n QUICK=1 BENCH_CASES='--cases ageing,exit' (tools/bench-cases --help)"
	@echo "  make regret: RESULTS='file ...' REGRET=--markdown"

-include $(KOBJ:.o=.d) $(POBJ:.o=.d) $(HLIBO:.o=.d) $(HTEST:$(H)/%=$(H)/tests/host/%.c.d) $(BENCHOBJ:.o=.d)
