# CPx Bridge. The targets a person needs:
#
#   make run     portal, agent and a demonstration card on this machine
#   make demo    the same without a person, in a browser, with pictures
#   make quick   the tests that need nothing but Go and gcc: under a minute
#   make test    every check and every test
#   make build   the three programs into build/bin
#   make windows the agent for Windows, with and without a console, into build/windows
#   make test-windows   the tests of Windows' files, and logins, in wine 10: a table
#   make conformance, faults, browsers, endurance, bench   the tables of docs/testing.md
#   make conformance-trixie   the first of them against Debian 13's modules, in a root
#   make attack  attacks agent and portal from outside, a line for each attack
#   make supply  what a release is made of: sums, vulnerabilities, the same bytes twice
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

# Set for the tests of `make quick` alone: from outside, it would have those skipped here
# that need something.
unexport CPX_TEST_NEEDS

.PHONY: run demo quick test build windows test-windows check js module clean conformance conformance-trixie faults browsers endurance bench screens screens-windows situations attack supply fuzz fuzz-retain model

build:
	@scripts/build

windows:
	@scripts/setup windows
	@scripts/windows build/windows amd64 386

test-windows:
	@scripts/setup test-windows
	@go build -o $(BIN)/test-windows ./internal/lab/wintable/table
	@$(BIN)/test-windows $(CASES)

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
# and endurance play the whole of them, and .ci/run all of these.
test:
	@scripts/setup test
	@scripts/check
	@go test -race -short -count=1 -timeout 9m -p 3 ./...

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

browsers:
	@scripts/setup browsers
	@$(MAKE) -s build
	@go run ./internal/lab/browserlab/table

attack:
	@scripts/setup attack
	@$(MAKE) -s build
	@go build -o $(BIN)/attack ./internal/lab/attack/run
	@$(BIN)/attack -bin $(BIN) $(LINES)

supply:
	@scripts/setup run
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

fuzz:
	@scripts/setup fuzz
	@go run ./internal/lab/fuzzing/run -time $(FUZZTIME)
	@go test -count=1 -timeout 30m -run TestSanitized ./agent/prompt/window

# What earlier runs on this machine found, into the seeds of the repository.
fuzz-retain:
	@scripts/setup fuzz
	@go run ./internal/lab/fuzzing/run -retain

bench:
	@scripts/setup test
	@go test -run "^$$" -bench . ./pkcs11 ./tray ./agent/peer ./internal/lab/e2e

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
