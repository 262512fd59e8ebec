# The commands that people need. `make` alone lists them.

CARGO_DENY_VERSION = 0.20.2
CARGO_DEB_VERSION = 3.8.0
MDBOOK_VERSION = 0.5.4
MIND_MODEL = smollm2-135m-instruct-q4_0
TARGET = $(or $(CARGO_TARGET_DIR),target)
PROFILE = release

.PHONY: help setup demo test check lint audit size sim crash kills damage hostile line backlog \
	update-cuts update-kills fleet-simulate \
	bench bench-agent bench-mind bench-day bench-write cross kernels test-arm test-page \
	test-cloud test-disk test-homeassistant test-hawkbit package test-package specialist book clean

help: ## Lists these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Installs what is missing, builds, fetches and quantises the model. Once
	@cross/setup.sh $(PROFILE)

demo: setup ## Runs the whole thing: broker, simulated greenhouse, agent, language model
	@$(TARGET)/release/outpost demo

test: PROFILE = dev
test: setup ## Runs every test, with a real broker and the real model
	cargo test --locked --workspace

check: lint test ## What a change must pass: format, lints, documentation, style, tests

# Its own command, since it needs neither model nor broker. The style test is one of the tests.
lint:
	@cross/setup.sh packages
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	# Those that `make test` leaves out.
	cargo clippy --locked --test cloud --test disk -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps

audit: ## Checks licences, sources and known faults of all dependencies
	@cross/audit.sh $(CARGO_DENY_VERSION)

book: ## Makes the documents into a book to read, target/book/index.html
	@cross/book.sh $(MDBOOK_VERSION)

size: ## Prints the size of the stripped release binary
	@cargo build --release --locked
	@strip -s -o $(TARGET)/outpost.stripped $(TARGET)/release/outpost
	@wc -c < $(TARGET)/outpost.stripped | \
		awk '{ printf "outpost: %d bytes, %.1f MB stripped\n", $$1, $$1 / 1e6 }'

sim: ## Runs the simulation of the agent on 10,000 seeds; SEEDS=n runs n
	OUTPOST_SIM_SEEDS=$(or $(SEEDS),10000) cargo test --release --locked --test sim -- --nocapture

cross: ## Builds for 64-bit Arm into dist/: two builds that serve all boards; BOARD=rpi4 one
	@cross/cross.sh $(BOARD)

kernels: ## Checks ggml's kernels on emulated Arm cores; part of CI
	@cross/kernels.sh check

test-arm: ## Runs the Arm program itself on emulated cores; CASES=n decisions
	@CASES=$(CASES) FILE=$(FILE) cross/test-arm.sh

test-page: PROFILE = dev
test-page: setup ## Looks at the page in a real Chromium; pictures in target/page/shots
	@cross/test-page.sh

test-cloud: PROFILE = dev
test-cloud: setup ## Sends records to real servers: S3, an OpenTelemetry collector, three of NATS
	@cross/test-cloud.sh

test-homeassistant: ## Outpost as a device in a real Home Assistant, which comes from PyPI
	@cross/test-homeassistant.sh

test-hawkbit: PROFILE = dev
test-hawkbit: setup ## Releases at the word of a real hawkBit server, from Maven Central
	@cross/test-hawkbit.sh

test-disk: PROFILE = dev
test-disk: setup ## A full, a read-only and a slow disk under the real program; as root
	cargo test --locked --test disk -- --nocapture --test-threads 1

crash: ## Cuts the power of a simulated disk at every operation of a run; POINTS=n
	OUTPOST_CRASH_POINTS=$(or $(POINTS),15000) \
		cargo test --release --locked --test crash -- --nocapture

kills: PROFILE = dev
kills: setup ## Kills the real program at random moments of its work; KILLS=n
	OUTPOST_KILLS=$(or $(KILLS),500) \
		cargo test --locked --test run -- --nocapture killed_at_any_moment

update-cuts: ## Cuts the power at every write, rename and sync of updates; RUNS=n
	OUTPOST_UPDATE_CUTS=$(or $(RUNS),10000) cargo test --locked -p outpost-launcher \
		--test cuts -- --nocapture

update-kills: ## Updates real files four times round while everything is killed; KILLS=n
	cargo build --locked -p outpost-launcher --example program
	OUTPOST_UPDATE_KILLS=$(or $(KILLS),200) cargo test --locked -p outpost-launcher \
		--test board -- --nocapture

fleet-simulate: ## A bad release among 10,000 boards, on mosquitto and on three of NATS; DEVICES=n
	@cargo build --release --locked
	@cross/fleet-simulate.sh $(TARGET)/release/outpost $(or $(DEVICES),10000)

damage: ## Damages the journal's files at random; DAMAGES=n
	OUTPOST_DAMAGES=$(or $(DAMAGES),5000) \
		cargo test --release --locked --lib any_harm -- --nocapture

line: ## The uplink over lines that come and go, for 12 cycles; CYCLES, UP and DOWN in seconds
	OUTPOST_LINE_CYCLES=$(or $(CYCLES),12) OUTPOST_LINE_UP_S=$(or $(UP),30) \
		OUTPOST_LINE_DOWN_S=$(or $(DOWN),30) \
		cargo test --release --locked --test uplink -- --nocapture next_to_nothing

backlog: ## Drains ten million records to a receiver here; RECORDS=n
	OUTPOST_BACKLOG=$(or $(RECORDS),10000000) \
		cargo test --release --locked --test uplink -- --nocapture a_backlog_drains

hostile: ## Model files, adapters and frames that are wrong in every way; CASES=n, SEED=n the first
	OUTPOST_HOSTILE_CASES=$(or $(CASES),10000) OUTPOST_HOSTILE_SEED=$(or $(SEED),1) \
		cargo test --locked --test hostile -- --nocapture

bench: setup ## Runs the benchmarks
	cargo bench --locked --workspace

bench-agent: setup ## The agent on every simulated place against its bounds; DAYS=n, SEEDS=n
	@status=0; for faults in "" --faults; do \
		$(TARGET)/release/outpost bench agent --plants all --days $(or $(DAYS),7) \
			--seeds $(or $(SEEDS),5) --json --assert $$faults || status=1; \
	done; exit $$status

bench-mind: setup ## Decisions against llama-server: SERVER=its program CASES=file [MODEL=file]
	@benches/mind.py --outpost $(TARGET)/release/outpost --server "$(SERVER)" --cases "$(CASES)" \
		--model "$(or $(MODEL),$$($(TARGET)/release/outpost model info --json $(MIND_MODEL) | \
		sed -n 's/.*"path": *"\([^"]*\)".*/\1/p'))"

bench-day: setup ## What the model costs in a day of the demo, against llama-server; as bench-mind
	@benches/day.py --outpost $(TARGET)/release/outpost --server "$(SERVER)" \
		--model "$(or $(MODEL),$$($(TARGET)/release/outpost model info --json $(MIND_MODEL) | \
		sed -n 's/.*"path": *"\([^"]*\)".*/\1/p'))"

bench-write: setup ## Tool calls and eight clients against llama-server; as bench-mind
	@benches/write.py --outpost $(TARGET)/release/outpost --server "$(SERVER)" --cases "$(CASES)" \
		--model "$(or $(MODEL),$$($(TARGET)/release/outpost model info --json $(MIND_MODEL) | \
		sed -n 's/.*"path": *"\([^"]*\)".*/\1/p'))"

SPECIALIST = models/adapters/edge-operator.gguf
SPECIALIST_OUT = $(TARGET)/specialist
specialist: setup ## Teaches the model to read notes: MINUTES=n, QUICK=1, DATA=FILE, MIND_MODEL=FILE
	@python3 -m venv $(TARGET)/specialist/venv
	@$(TARGET)/specialist/venv/bin/pip install --quiet -r models/train/requirements.txt
	@$(TARGET)/specialist/venv/bin/python models/train/train.py --out $(SPECIALIST_OUT) \
		$(if $(QUICK),--minutes 2 --evaluate 8 --every 20,--minutes $(or $(MINUTES),60)) $(MORE) \
		$(if $(DATA),--data $(DATA) --begin $(SPECIALIST)) \
		--model "$$($(TARGET)/release/outpost model info --json $(MIND_MODEL) | \
		sed -n 's/.*"path": *"\([^"]*\)".*/\1/p')"
	@$(TARGET)/specialist/venv/bin/python models/train/plot.py \
		--out $(SPECIALIST_OUT)/curves.svg "this run=$(SPECIALIST_OUT)/log.jsonl"
	@test -z "$(DATA)" || $(TARGET)/release/outpost bench mind --model $(MIND_MODEL) \
		--adapters $(SPECIALIST),$(SPECIALIST_OUT)/adapter.gguf \
		--cases $(SPECIALIST_OUT)/held_out.jsonl

package: ## Makes a Debian package of each build into dist/
	@cross/setup.sh packages
	@cross/package.sh $(CARGO_DEB_VERSION)

test-package: ## Installs the packages in Debian roots and runs the program there; needs root
	@cross/test-package.sh

clean: ## Removes what was built of this project; dependencies, ggml and the model stay
	cargo clean -p outpost
