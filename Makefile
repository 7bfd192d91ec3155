# CPx Bridge. The targets a person needs:
#
#   make run     portal, agent and a demonstration card on this machine
#   make demo    the same without a person, in a browser, with pictures
#   make quick   the tests that need nothing but Go and gcc: under a minute
#   make test    every check and every test
#   make build   the three programs into build/bin
#   make windows the agent for Windows, with and without a console, into build/windows
#   make test-windows   the tests of Windows' files, and logins, in wine 10: a table
#   make conformance, faults, browsers, endurance   the tables of docs/testing.md
#   make bench   speed and weight beside floor and peers, one table: docs/performance.md
#   make soak    a workstation's and a portal's life in one go, and whether anything has grown
#   make conformance-trixie   the first of them against Debian 13's modules, in a root
#   make portal-cluster   three instances of the portal, 200 people, an instance killed
#   make attack  attacks agent and portal from outside, a line for each attack
#   make supply  what a release is made of: sums, vulnerabilities, the same bytes twice
#   make dist    everything that a release ships, with sums, into dist/
#   make dist-twice   the same twice, elsewhere and for somebody else, and whether the bytes are the same
#   make test-packages   the packages of dist/ installed, used, upgraded and removed: a table
#   make model   the model of a login with three requests, for minutes
#   make situations   what each person reads in each situation, for a reader
#   make fuzz    the fuzz targets, FUZZTIME each (60s)
#   make screens pictures of icon, menu and dialogs on a real panel
#   make screens-windows   the same of the Windows program, in wine, with notifications,
#                log, console and a start that fails
#
# `make module MODULE=example.org/new/path` changes the module path at publication.

SHELL := /bin/bash
BIN   := build/bin
ROUNDS ?= 20
FUZZTIME ?= 60s
PEOPLE ?= 200
SOAK ?= 1
TIME ?= 1m

# Set for the tests of `make quick` alone: from outside, it would have those skipped here
# that need something.
unexport CPX_TEST_NEEDS

.PHONY: run demo quick test build windows test-windows check js module clean dist dist-twice test-packages conformance conformance-trixie faults portal-cluster browsers endurance soak bench screens screens-windows situations attack supply fuzz fuzz-retain model

build:
	@scripts/build

windows:
	@scripts/setup windows
	@scripts/windows build/windows amd64 386

# Everything that a release ships, into dist/.
dist:
	@scripts/setup dist
	@scripts/dist

dist-twice:
	@scripts/setup dist
	@scripts/dist-twice

test-windows:
	@scripts/setup test-windows
	@go build -o $(BIN)/test-windows ./internal/lab/wintable/table
	@$(BIN)/test-windows $(CASES)

# SYSTEMS names columns alone; DIST a folder of packages in place of those made here.
test-packages:
	@scripts/setup packages
	@scripts/test-packages $(SYSTEMS)

run:
	@exec scripts/run

demo:
	@scripts/setup demo
	@$(MAKE) -s build
	@go run ./internal/lab/stack/demo

check:
	@scripts/check

quick:
	@scripts/setup go
	@mkdir -p $(BIN)
	@go build -o $(BIN)/quick ./internal/lab/quick/run
	@exec $(BIN)/quick

# Most of the tests' time is waiting for browsers, windows and cards, hence -p.
# Long tables are played in part here, hence -short: conformance, faults, browsers
# and endurance play the whole of them, and .ci/run all of these. scripts/check has vetted
# everything, so that go test need not.
test:
	@scripts/setup test
	@scripts/check
	@go test -race -short -count=1 -vet=off -timeout 25m -p 3 ./...

conformance:
	@scripts/setup conformance
	@go run ./internal/lab/conformance/table

conformance-trixie:
	@scripts/setup trixie
	@scripts/conformance-trixie

faults:
	@scripts/setup faults
	@$(MAKE) -s build
	@go run ./internal/lab/faults/table -rounds $(ROUNDS)

# A portal of three instances on PostgreSQL, one killed, with the database started anew.
portal-cluster:
	@scripts/setup portal-cluster
	@$(MAKE) -s build
	@go run ./internal/lab/portalcluster/table -people $(PEOPLE) -time $(TIME)

# CELLS=rest leaves out those of make test, CELLS=quick all others.
browsers:
	@scripts/setup browsers
	@$(MAKE) -s build
	@go run ./internal/lab/browserlab/table $(CELLS:%=-%)

attack:
	@scripts/setup attack
	@$(MAKE) -s build
	@go build -o $(BIN)/attack ./internal/lab/attack/run
	@$(BIN)/attack -bin $(BIN) $(LINES)

supply:
	@scripts/setup run dist
	@scripts/supply

situations:
	@scripts/setup test
	@rm -rf build/situations
	@go test -count=1 -timeout 30m -run TestSituations ./internal/lab/situations -write "$(CURDIR)/build/situations"

model:
	@scripts/setup test
	@go test -count=1 -v -timeout 30m ./internal/lab/model

endurance:
	@scripts/setup test
	@go test -race -count=1 -run TestCardEvents ./tray

# SOAK=0.1 plays a tenth.
soak:
	@scripts/setup test
	@$(MAKE) -s build
	@go test -v -count=1 -timeout 6h -run '^TestSoak$$' ./internal/lab/soak -bin "$(CURDIR)/$(BIN)" -portion $(SOAK)

fuzz:
	@scripts/setup fuzz
	@go run ./internal/lab/fuzzing/run -time $(FUZZTIME)
	@go test -count=1 -timeout 30m -run TestSanitized ./agent/prompt/window

# What earlier runs on this machine found, into the seeds of the repository.
fuzz-retain:
	@scripts/setup fuzz
	@go run ./internal/lab/fuzzing/run -retain

# ROWS names rows and curves to measure alone, which writes nothing.
bench:
	@scripts/setup test
	@mkdir -p $(BIN)
	@go build -o $(BIN)/bench ./internal/lab/bench/run
	@$(BIN)/bench -rows "$(ROWS)"

screens:
	@scripts/setup screens
	@go run ./internal/lab/screens

screens-windows:
	@scripts/setup screens-windows
	@rm -rf build/screens-windows
	@go test -count=1 -timeout 30m -run TestWindows ./internal/lab/screens -windows "$(CURDIR)/build/screens-windows"
	@echo "pictures: build/screens-windows"

js:
	@go run ./js/build

module:
	@test -n "$(MODULE)" || { echo "usage: make module MODULE=example.org/new/path"; exit 2; }
	@scripts/rename-module "$(MODULE)"

clean:
	@rm -rf build
