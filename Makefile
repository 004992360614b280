# The front door: `make help`. Paths are relative, so the checkout may lie in a folder with spaces in its name.
PYTHON ?= python3
UV ?= uv
PORT ?= 8080
export PORT
COMPOSE ?= docker compose
DEPLOY = $(PYTHON) -m deploy
TEST_PROCESSES ?= 2

BIN := .venv/bin
LOCK := locks/dev.txt

.DEFAULT_GOAL := help
.PHONY: help setup assets browser run test test-compose fuzz lint bench bench-grading bench-web bench-live \
  bench-intake handwriting lock \
  up down build upgrade restart address secrets secret rotate-secret certificate reload-certificate backup restore logs ps

help: ## list the verbs
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' Makefile

setup: .venv/.stamp ## make .venv from the lock (again only when the lock changed)

.venv/.stamp: $(LOCK) pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Zhupi needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V 2>&1). Say make PYTHON=/path/to/python3.11" >&2; \
	  exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || { \
	  echo "python3 -m venv failed; on Debian: apt-get install python3-venv" >&2; exit 2; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(LOCK)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-index -e .
	@touch $@

assets: app/static/vendor/.stamp ## fetch what the pages load (htmx)

app/static/vendor/.stamp: .venv/.stamp package-lock.json tools/assets.py
	$(BIN)/python tools/assets.py
	@touch $@

browser: setup ## find or install the browser that the tests drive
	@$(BIN)/python tools/find_browser.py --install

run: setup assets ## start everything on http://localhost:$PORT/ with the demo; needs nothing else
	@exec $(BIN)/zhupi serve --demo

# Files go to processes, each with services of its own; what looks at clocks runs alone.
test: setup assets browser ## run all tests
	$(BIN)/python -m pytest --numprocesses $(TEST_PROCESSES) --dist loadfile -m "not clock"
	$(BIN)/python -m pytest -m clock

test-compose: setup ## the drills: a real stack in Docker is broken and comes back (half an hour; DRILLS="-k kills" for some)
	$(BIN)/python -m pytest tests/compose $(DRILLS)

fuzz: setup ## 20,000 damaged files through the readers (CASES=1000 SEED=2 for fewer, others)
	$(BIN)/python -m tests.fuzz $(or $(CASES),20000) $(or $(SEED),1)

lint: setup ## ruff, mypy, templates
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python tools/check_templates.py

bench: bench-grading bench-web bench-live bench-intake ## all measurements; tables, and JSON in benchmarks/out

bench-grading: setup ## a run of 30 papers against a slow model; the local graders
	$(BIN)/python -m benchmarks.grading

bench-web: setup assets ## the results page, start time, memory
	$(BIN)/python -m benchmarks.web

bench-live: setup assets ## classroom screens: memory, speed, reconnects, a day (SMALL=--small for a rehearsal)
	$(BIN)/python -m benchmarks.live $(SMALL)

bench-intake: setup ## reading papers: pages a second, memory, loop lag (SMALL=--small for a rehearsal)
	$(BIN)/python -m benchmarks.intake $(SMALL)

handwriting: setup ## fetch fonts like handwriting for the papers that benchmarks/paperwork draws
	$(BIN)/python tools/assets.py benchmarks/paperwork

lock: ## make the locks again from pyproject.toml (needs uv)
	$(UV) pip compile pyproject.toml locks/build.in --extra embedded --extra ocr --extra dev --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --custom-compile-command "make lock" --quiet -o locks/dev.txt
	$(UV) pip compile pyproject.toml --extra ocr --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --custom-compile-command "make lock" --quiet -o locks/prod.txt

# --- production, with Docker: what each does is in deploy/ and docs/admin-guide.md ---

up: ## production: build what is missing, start, wait until healthy, print the address
	@$(DEPLOY) up

down: ## stop production; the data stays on its volumes
	@$(COMPOSE) --profile '*' down

build: ## build the image of this checkout
	@$(DEPLOY) build

upgrade: ## bring this checkout into production without a failed request
	@$(DEPLOY) upgrade

restart: ## new replicas beside the old ones, with the settings of .env, without a failed request
	@$(DEPLOY) restart

address: ## print the address, and the link for the first account while there is none
	@$(DEPLOY) address

secrets: ## make the secrets that are missing (secrets/)
	@$(DEPLOY) secrets

secret: ## set one secret from a terminal or a pipe: make secret NAME=llm_api_key
	@$(DEPLOY) secret "$(NAME)"

rotate-secret: ## another secret_key, db_password or redis_password: make rotate-secret NAME=...
	@$(DEPLOY) rotate-secret "$(NAME)"

certificate: ## a self-signed certificate if there is none; a new one: AGAIN=1; own: CERT=chain.pem KEY=key.pem
	@nginx/certificate $(if $(AGAIN),--again,$(if $(CERT)$(KEY),"$(CERT)" "$(KEY)"))

reload-certificate: ## nginx takes over the certificate in nginx/certs; no connection is dropped
	@$(COMPOSE) exec -T nginx /zhupi/scripts/reload

backup: ## one backup now, into the volume `backups`
	@$(COMPOSE) run --rm backup backup

restore: ## bring back a backup: make restore FILE=/backups/NAME
	@$(COMPOSE) run --rm backup restore "$(FILE)"

logs: ## follow the logs of all parts; of one: make logs SERVICE=app
	@$(COMPOSE) --profile '*' logs --follow --tail 100 $(SERVICE)

ps: ## what runs, and how healthy it is
	@$(COMPOSE) --profile '*' ps --all
