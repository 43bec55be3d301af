# annoy: approximate nearest-neighbour search for PostgreSQL
#
# make, make install, make installcheck, make clean: as for every extension.
#
# make demo		see it work, on a private cluster; with
#			DATA=base.fvecs|.bvecs QUERIES=... TRUTH=....ivecs
#			METRIC=l2|cosine|ip|l1 on data of yours; the picture of
#			recall against time goes to demo.svg, or where SVG=... says
# make test		all tests, on a private cluster
# make test-versions	the tests on other versions of PostgreSQL, or on those that
#			VERSIONS="17 18" says; SUITES="sql isolation tap" and
#			TAP="001 002" choose among them; JOBS=2 at the same time;
#			PG_CONFIG_16=... is a server built elsewhere
# make soak		kill a private cluster again and again under load, for ten
#			minutes or as many as MINUTES=... says, and write to shards and
#			to a primary while they and its standby are queried; then damage
#			10,000 indexes
# make test-shards	the test of shards by postgres_fdw alone
# make test-citus	that of Citus, which is in CITUS=..., installed by
#			"make install DESTDIR=...", or in the server's directories
# make test-assert	tests on a server built with assertions, with caches that are
#			never valid for long, and under valgrind; this takes hours
# make test-clients	drivers, object-relational mappers and a pooler, from Debian and npm,
#			on arrays and, with PGVECTOR=... or pgvector installed, on its type;
#			CLIENTS="psycopg jdbc" chooses among them
# make check-build	compile with every compiler and all warnings, and see that the
#			rooms of src/ and META.json are in order
# make deb		Debian packages; make try-deb installs one: see packaging/README.md
# make dist		the archive for PGXN
# make bench		measure it beside its peers: see docs/benchmarks.md
# make bench-scale	measure it with 1, 5 and 10 million rows, or as many as
#			ROWS=1000000,... says, and with many clients: the head of
#			test/bench/scale.sh has its variables
# make indent		format the sources, or make check-indent to see what would
#			change; make typedefs first if there are new types

# make demo has a variable of PGXS's name: take the caller's value before it is
# overridden here.
DEMO_DATA := $(DATA)

MODULE_big = annoy
# The top of src/ and its rooms; see src/README.
sources = $(wildcard $(foreach type,$(1),src/*.$(type) src/*/*.$(type)))
OBJS = $(patsubst %.c,%.o,$(sort $(call sources,c)))

# annoy_vector has no code of its own, and needs pgvector only when it is created.
EXTENSION = annoy annoy_vector
DATA = $(wildcard sql/annoy--*.sql sql/annoy_vector--*.sql)
PGFILEDESC = "annoy - approximate nearest-neighbour index access method"

# Every file in sql/ but the extensions' own scripts is a test, and so is every
# isolation spec and every TAP script: adding one means adding its files.
REGRESS := $(filter-out annoy--% annoy_vector--%,$(patsubst sql/%.sql,%,$(sort $(wildcard sql/*.sql))))
REGRESS_OPTS = --load-extension=annoy
# pg_regress tells tests so itself since version 15.
export PG_ABS_SRCDIR = $(abspath $(srcdir))
ISOLATION := $(patsubst test/isolation/specs/%.spec,%,$(sort $(wildcard test/isolation/specs/*.spec)))
ISOLATION_OPTS = --inputdir=test/isolation --load-extension=annoy
PROVE_TESTS := $(sort $(wildcard test/t/*.pl))
TAP_TESTS := $(if $(PROVE_TESTS),1)

EXTRA_CLEAN = demo.svg test/bench/annoybench test/bench/annoylib $(wildcard test/bench/*.o)

# Headers are included by room and name.
version := $(shell sed -n "s/^default_version = '\(.*\)'/\1/p" annoy.control)
PG_CPPFLAGS = -I$(srcdir)/src -DANNOY_VERSION='"$(version)"'

# The same bits on every machine: no contraction into fused multiply-add.
PG_CFLAGS = -ffp-contract=off -fno-math-errno

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)
server_headers := $(shell $(PG_CONFIG) --includedir-server 2>/dev/null)

ifneq ($(and $(wildcard $(PGXS)),$(wildcard $(server_headers)/postgres.h)),)
include $(PGXS)

# PGXS does not track headers, and compiles bitcode without PG_CFLAGS.
$(OBJS) $(OBJS:.o=.bc): $(call sources,h)
BITCODE_CFLAGS += $(PG_CFLAGS)
else
# On a machine without PostgreSQL, "make demo" and "make test" install it.
all install installcheck clean:
	@echo 'This needs PostgreSQL and its server header files, which "$(PG_CONFIG)" does not find.'
	@exit 1
.DEFAULT_GOAL = all
endif

# What the scripts are told of PG_CONFIG: nothing, unless it was asked for.
script_env = PG_CONFIG='$(if $(filter file,$(origin PG_CONFIG)),,$(PG_CONFIG))'

demo:
	@$(script_env) DATA='$(DEMO_DATA)' QUERIES='$(QUERIES)' TRUTH='$(TRUTH)' \
		METRIC='$(METRIC)' SVG='$(SVG)' test/demo.sh

test:
	@$(script_env) test/run.sh

test-versions:
	@$(if $(VERSIONS),ANNOY_VERSIONS='$(VERSIONS)') $(if $(SUITES),ANNOY_SUITES='$(SUITES)') \
		$(if $(TAP),ANNOY_TAP='$(TAP)') $(if $(JOBS),ANNOY_JOBS='$(JOBS)') \
		$(foreach v,14 15 16 17 18 19,$(if $(PG_CONFIG_$(v)),ANNOY_PG_CONFIG_$(v)='$(PG_CONFIG_$(v))')) \
		test/versions.sh

soak:
	@$(script_env) ANNOY_SOAK_MINUTES='$(or $(MINUTES),10)' test/run.sh

test-assert:
	@$(script_env) test/assert.sh

test-clients:
	@$(script_env) CLIENTS='$(CLIENTS)' PGVECTOR='$(PGVECTOR)' test/clients/clients.sh

check-build:
	@$(script_env) test/check-build.sh

deb try-deb:
	@packaging/$@.sh

# What is committed, under the name and in the directory that PGXN wants.
dist:
	@version=$$(sed -n "s/^default_version = '\(.*\)'/\1/p" annoy.control) && \
		mkdir -p packaging/out && \
		git archive --format=zip --prefix="annoy-$$version/" \
			-o "packaging/out/annoy-$$version.zip" HEAD && \
		echo "packaging/out/annoy-$$version.zip"

test-shards:
	@$(script_env) ANNOY_SUITES=tap ANNOY_TAP=028 test/run.sh

test-citus:
	@$(script_env) ANNOY_SUITES=tap ANNOY_TAP=031 ANNOY_PEERS='$(CITUS) $(PGVECTOR)' test/run.sh

bench:
	@$(script_env) test/bench/bench.sh

bench-scale:
	@$(script_env) test/bench/scale.sh

# pg_bsd_indent does not understand statements made by macros.
indented = $(filter-out src/type/metric_impl.h,$(call sources,c h) $(wildcard test/bench/*.[ch]))

indent:
	test/indent.pl $(indented)

check-indent:
	test/indent.pl --check $(indented)

typedefs:
	test/typedefs.pl $(CC) -E $(CPPFLAGS) -U_GNU_SOURCE -I$(includedir) >typedefs.tmp
	mv typedefs.tmp typedefs.list

.PHONY: all install installcheck clean demo test test-versions test-shards test-citus test-assert test-clients soak check-build deb try-deb \
	dist bench bench-scale indent check-indent typedefs
