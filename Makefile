# The two commands of the README, and what they are made of. `make` alone lists them.

.DEFAULT_GOAL := help
.PHONY: help run test check

help: ## what there is
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/make \1\t\2/'

run: ## build everything and serve the Corner Shop on embedded SQLite
	@scripts/setup run
	cargo build --release --package mains
	target/release/mains --site examples/corner-shop dev

test: ## all tests, on SQLite and on a PostgreSQL started for them, and in a browser
	@scripts/setup test
	cargo build
	cargo xtask test
	cargo xtask torture kill9 --rounds 4
	cargo xtask torture kill9 --rounds 3 --database postgres
	cargo xtask torture jobs --rounds 6
	cargo xtask torture jobs --rounds 6 --database postgres
	cargo xtask torture streams --rounds 4
	cargo xtask torture streams --rounds 3 --database postgres
	cargo xtask torture cut --rounds 6
	cargo xtask torture cut --rounds 6 --sync normal
	cargo xtask torture crash --rounds 4
	cargo xtask torture migrate --rounds 8
	cargo xtask torture migrate --rounds 8 --database postgres
	cargo xtask torture backup --rounds 8
	cargo xtask packages
	scripts/path target/debug/mains
	node --test tests/browser/

check: ## format, lints, tidiness, generated files
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	cargo xtask tidy
