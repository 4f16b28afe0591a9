#!/usr/bin/env python3
"""Imports a Debian catalog into a fresh site, pages through it while others add to it, asks it questions and exports it again.

    python3 check.py --mains PROGRAM [--catalog FILE | --whole] [--postgres URL|env]

Without --catalog it asks `apt-cache dumpavail`; with --whole it fetches Debian's lists first, into a folder of its own, and wants more than 50,000
packages of them and an import of at least 1,000 records a second. Everything runs in a temporary folder. With --postgres (`env`: what MAINS_TEST_POSTGRES says) the same is done on that (empty) database
too and the answers must be equal. Prints a line per step; exits 1 when something is not as it should be.
"""
import argparse, filecmp, http.client, json, os, random, shutil, subprocess, sys, tempfile, threading, time
from pathlib import Path
from urllib.parse import urlencode

from convert import convert, made_id

HERE = Path(__file__).parent
NAMES = ["sections", "maintainers", "packages", "dependencies"]
SORTS = ["name", "-size,name", "section,-created"]
QUESTIONS = [
    ("packages", {"filter": 'section.name == "games" && installed_size > 100000', "sort": "name"}),
    ("packages", {"filter": 'maintainer.email.endsWith("@debian.org") && priority == "important"', "sort": "name"}),
    ("packages", {"where.section.name": "admin", "sort": "-size,name"}),
    ("packages", {"filter": 'dependencies.exists(d, d.kind == "pre_depends" && d.target == "dpkg")', "sort": "name"}),
    ("packages", {"filter": 'dependents.size() == 0 && "role::program" in tags', "sort": "name"}),
    ("packages", {"filter": 'summary.lowerAscii().contains("editor") && !essential', "sort": "name", "total": "true"}),
    ("dependencies", {"filter": 'on == null && kind == "depends"', "sort": "target,place,id"}),
    ("maintainers", {"filter": "packages.map(p, p.installed_size).sum() > 500000", "sort": "name,email"}),
    ("sections", {"filter": 'packages.exists(p, p.essential)', "sort": "name"}),
]
WHOLE, FLOOR = 50_000, 1_000  # packages of a whole catalog; records a second of an import


def catalog_of_debian(folder, fetch):
    """The text of `apt-cache dumpavail`; with `fetch` from lists that are fetched now, without touching those of the system."""
    options = []
    if fetch:
        for name in ("state/lists/partial", "cache/archives/partial"):
            (folder / name).mkdir(parents=True)
        options = ["-o", f"Dir::State={folder}/state", "-o", f"Dir::Cache={folder}/cache", "-o", "Dir::State::status=/var/lib/dpkg/status", "-o", "APT::Sandbox::User=root"]
        print("fetching Debian's lists", flush=True)
        fetched = subprocess.run(["apt-get", *options, "-qq", "update"], capture_output=True, text=True)
        if fetched.returncode != 0:
            raise SystemExit(f"The lists cannot be fetched; see that this machine reaches a Debian mirror.\n{fetched.stderr}")
    text = subprocess.run(["apt-cache", *options, "dumpavail"], check=True, capture_output=True).stdout
    if not text.strip():
        raise SystemExit("apt-cache knows no packages here. Run with --whole, which fetches Debian's lists.")
    return text


def sorted_by(sort, records):
    """Records in the order that a list with this sort promises: text by code point, nothing before everything."""
    for name in reversed(sort.split(",")):
        field = name.removeprefix("-")
        records = sorted(records, key=lambda record: (record[field] is not None, record[field] if record[field] is not None else 0), reverse=name.startswith("-"))
    return records


class Site:
    """A server over a copy of this folder, on the embedded database or on PostgreSQL."""

    def __init__(self, program, folder, postgres=None):
        self.program, self.folder = program, folder
        shutil.copytree(HERE / "collections", folder / "collections")
        shutil.copy(HERE / "mains.toml", folder)
        self.environment = dict(os.environ, MAINS_LOG_LEVEL="warn", **({"MAINS_DATABASE_URL": postgres} if postgres else {}))

    def run(self, *arguments):
        """A command of the command line; its output."""
        done = subprocess.run([self.program, "--site", self.folder, *arguments], env=self.environment, capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"mains {' '.join(map(str, arguments))} failed ({done.returncode}):\n{done.stderr}")
        return done.stdout

    def __enter__(self):
        self.key = self.run("keys", "create", "--role", "staff").strip()
        self.server = subprocess.Popen([self.program, "--site", self.folder, "serve", "--listen", "127.0.0.1:0"], env=self.environment,
                                       stdout=subprocess.PIPE, text=True)
        line = self.server.stdout.readline()
        self.port = int(line.rsplit(":", 1)[1].split("/")[0])
        return self

    def __exit__(self, *_):
        self.server.terminate()
        if self.server.wait(30) != 0:
            raise SystemExit("the server did not end well")

    def open(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)


def ask(connection, method, path, body=None, key=None):
    headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {key}"} if key else {})
    connection.request(method, path, json.dumps(body) if body is not None else None, headers)
    answer = connection.getresponse()
    text = answer.read()
    if answer.status >= 300:
        raise SystemExit(f"{method} {path}: {answer.status} {text.decode()}")
    return text


def page_through(site, collection, parameters, limit=500):
    """All records of a list, page by page."""
    connection, cursor = site.open(), None
    while True:
        query = dict(parameters, limit=limit, **({"cursor": cursor} if cursor else {}))
        page = json.loads(ask(connection, "GET", f"/api/{collection}?{urlencode(query)}"))
        yield from page["items"]
        cursor = page["next"]
        if cursor is None:
            return


class Adder(threading.Thread):
    """Adds packages, spread over all sort orders, as long as it is not told to stop."""

    def __init__(self, site, section, maintainer):
        super().__init__()
        self.site, self.section, self.maintainer = site, section, maintainer
        self.stop, self.added, self.dice = threading.Event(), 0, random.Random(7)

    def run(self):
        connection = self.site.open()
        while not self.stop.is_set():
            self.added += 1
            name = f"{self.dice.choice('abcdefghijklmnopqrstuvwxyz')}-added-{self.added}"
            ask(connection, "POST", "/api/packages", {
                "name": name, "release": "1", "architecture": "all", "priority": "extra", "section": self.section, "maintainer": self.maintainer,
                "size": self.dice.randrange(1, 10_000_000), "summary": "Added while somebody pages"}, self.site.key)


def check_paging(site, sort, wanted):
    """Pages in one order while records are added: none of `wanted` twice or missing, and all in that order."""
    section, maintainer = next(page_through(site, "sections", {}))["id"], next(page_through(site, "maintainers", {}))["id"]
    adder = Adder(site, section, maintainer)
    adder.start()
    try:
        records = list(page_through(site, "packages", {"sort": sort, "fields": "name,size,section,created"}))
    finally:
        adder.stop.set()
        adder.join()
    seen = [record["id"] for record in records]
    old = [id for id in seen if id in wanted]
    # Sorted by id before, a tie shows: it is broken by the id, in the direction of the last field.
    tied = sorted(records, key=lambda record: record["id"], reverse=sort.split(",")[-1].startswith("-"))
    misplaced = sum(one is not other for one, other in zip(records, sorted_by(sort, tied)))
    twice, missing = len(seen) - len(set(seen)), len(wanted) - len(set(old))
    print(f"  paged by {sort}: {len(seen)} records, {twice} twice, {missing} missing, {misplaced} out of order, {adder.added} added meanwhile")
    if twice or missing or misplaced or not adder.added:
        raise SystemExit("paging is wrong")
    connection = site.open()
    ask(connection, "GET", "/health")
    for id in [record["id"] for record in page_through(site, "packages", {"filter": 'summary == "Added while somebody pages"', "fields": "name"})]:
        ask(connection, "DELETE", f"/api/packages/{id}", key=site.key)


def export_equal(site, source, name, fields):
    out = site.folder / f"{name}.out.jsonl"
    site.run("export", name, "--fields", ",".join(fields), "--to", str(out))
    for path in (source, out):
        lines = sorted(path.read_bytes().splitlines(keepends=True))
        path.with_suffix(".sorted").write_bytes(b"".join(lines))
    equal = filecmp.cmp(source.with_suffix(".sorted"), out.with_suffix(".sorted"), shallow=False)
    print(f"  exported {name}: {'equal byte for byte' if equal else 'DIFFERENT'}")
    if not equal:
        raise SystemExit(f"compare {source} and {out}")


def import_all(site, sources, records):
    """Imports the four collections; gives the records a second of all together."""
    first = time.monotonic()
    for name in NAMES:
        begun = time.monotonic()
        site.run("import", name, str(sources / f"{name}.jsonl"))
        took = time.monotonic() - begun
        print(f"  imported {name}: {len(records[name])} in {took:.1f} s, {len(records[name]) / took:.0f}/s")
    count, took = sum(map(len, records.values())), time.monotonic() - first
    print(f"  imported all: {count} in {took:.1f} s, {count / took:.0f}/s")
    return count / took


def go(site, sources, records, floor):
    """Everything on one database; gives the answers to the questions."""
    rate = import_all(site, sources, records)
    if rate < floor:
        raise SystemExit(f"the import is slower than {floor} records a second")
    wanted = {record["id"] for record in records["packages"]}
    for sort in SORTS:
        check_paging(site, sort, wanted)
    answers = []
    for collection, parameters in QUESTIONS:
        shown = [{key: value for key, value in record.items() if key not in ("created", "updated", "version")} for record in page_through(site, collection, parameters)]
        answers.append(shown)
        print(f"  {collection}: {parameters.get('filter') or parameters}: {len(shown)}")
    for name in NAMES:
        export_equal(site, sources / f"{name}.jsonl", name, list(records[name][0]))
    return answers


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mains", required=True, type=Path)
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--catalog", type=Path)
    source.add_argument("--whole", action="store_true")
    parser.add_argument("--postgres")
    options = parser.parse_args()
    if options.postgres == "env":
        options.postgres = os.environ["MAINS_TEST_POSTGRES"]
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        catalog = options.catalog or folder / "catalog.txt"
        if not options.catalog:
            catalog.write_bytes(catalog_of_debian(folder, options.whole))
        records = convert(catalog)
        print(f"{len(records['packages'])} packages")
        if options.whole and len(records["packages"]) <= WHOLE:
            raise SystemExit(f"a whole catalog has more than {WHOLE} packages")
        for name, lines in records.items():
            text = "".join(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n" for line in lines)
            (folder / f"{name}.jsonl").write_text(text, encoding="utf-8")
        assert made_id("package", 0) == records["packages"][0]["id"]
        answers = []
        for title, postgres in [("SQLite", None)] + ([("PostgreSQL", options.postgres)] if options.postgres else []):
            print(title, flush=True)
            home = folder / title
            home.mkdir()
            with Site(options.mains.resolve(), home, postgres) as site:
                answers.append(go(site, folder, records, FLOOR if options.whole else 0))
        if any(other != answers[0] for other in answers):
            raise SystemExit("the two databases answer differently")
        print(f"{len(answers[0])} questions, {'the same answers on both databases' if len(answers) > 1 else 'answered'}")


if __name__ == "__main__":
    sys.stdout.reconfigure(line_buffering=True)
    main()
