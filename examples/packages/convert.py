#!/usr/bin/env python3
"""Turns a Debian catalog (the text of `apt-cache dumpavail`, or that gzipped) into JSON Lines for the collections of this folder.

    python3 convert.py CATALOG OUT      writes OUT/{sections,maintainers,packages,dependencies}.jsonl

Ids are made here (TypeIDs around UUIDv7, from the position of a record), so that a second conversion gives the same file
and what is exported can be compared byte for byte. Lines hold their fields in the order of the collection files.
"""
import gzip, json, re, sys
from pathlib import Path

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
START = 1_700_000_000_000  # milliseconds; any fixed moment does
KINDS = {"Depends": "depends", "Pre-Depends": "pre_depends", "Recommends": "recommends", "Suggests": "suggests"}
TARGET = re.compile(r"^([^\s:(]+)(?::\S+)?\s*(?:\(([^)]*)\))?")


def made_id(prefix, number):
    """A TypeID with the UUIDv7 of millisecond START + number."""
    value = (START + number) << 80 | 0x7 << 76 | 0b10 << 62 | number
    return prefix + "_" + "".join(ALPHABET[value >> shift & 31] for shift in range(125, -1, -5))


def paragraphs(path):
    """The packages of a catalog as dictionaries; continued lines are joined."""
    opened = gzip.open(path, "rt", encoding="utf-8") if str(path).endswith(".gz") else open(path, encoding="utf-8")
    with opened as lines:
        fields, last = {}, None
        for line in lines:
            line = line.rstrip("\n")
            if not line:
                if fields:
                    yield fields
                fields = {}
            elif line[0].isspace():
                fields[last] += " " + line.strip()
            else:
                last, _, value = line.partition(":")
                fields[last] = value.strip()
        if fields:
            yield fields


def maintainer_of(text):
    """Name and address out of `Name <address>`."""
    found = re.match(r"^\s*(.*?)\s*<([^>]*)>", text)
    name, email = found.groups() if found else (text, "unknown@example.org")
    return name.strip().strip('"') or email, email.strip()


def number_of(text):
    return int(text) if text is not None else None


def dependencies_of(fields):
    """(kind, place, alternative, name, condition) of every dependency of a package."""
    for written, kind in KINDS.items():
        for place, group in enumerate(part for part in fields.get(written, "").split(",") if part.strip()):
            for alternative, text in enumerate(group.split("|")):
                name, condition = TARGET.match(text.strip()).groups()
                yield kind, place, alternative, name, condition or None


def convert(catalog):
    """The four collections as lists of records."""
    packages, ids = [], {}
    for fields in paragraphs(catalog):
        if fields["Package"] not in ids:
            ids[fields["Package"]] = made_id("package", len(packages))
            packages.append(fields)
    sections = sorted({fields["Section"] for fields in packages})
    maintainers = {}
    for fields in packages:
        name, email = maintainer_of(fields["Maintainer"])
        maintainers.setdefault((email.casefold(), name), (name, email))
    section_ids = {name: made_id("section", number) for number, name in enumerate(sections)}
    maintainer_ids = {key: made_id("maintainer", number) for number, key in enumerate(sorted(maintainers))}
    out = {"sections": [{"id": section_ids[name], "name": name} for name in sections],
           "maintainers": [{"id": maintainer_ids[key], "name": maintainers[key][0], "email": maintainers[key][1]} for key in sorted(maintainers)],
           "packages": [], "dependencies": []}
    for fields in packages:
        name, email = maintainer_of(fields["Maintainer"])
        tags = list(dict.fromkeys(tag.strip() for tag in fields.get("Tag", "").split(",") if tag.strip()))
        out["packages"].append({
            "id": ids[fields["Package"]], "name": fields["Package"], "release": fields["Version"], "architecture": fields["Architecture"],
            "priority": fields["Priority"], "section": section_ids[fields["Section"]], "maintainer": maintainer_ids[(email.casefold(), name)],
            "installed_size": number_of(fields.get("Installed-Size")), "size": number_of(fields.get("Size")), "summary": fields["Description"],
            "homepage": fields.get("Homepage"), "tags": tags, "essential": fields.get("Essential") == "yes"})
        for kind, place, alternative, target, condition in dependencies_of(fields):
            out["dependencies"].append({
                "id": made_id("dependency", len(out["dependencies"])), "package": ids[fields["Package"]], "kind": kind, "place": place,
                "alternative": alternative, "on": ids.get(target), "target": target, "condition": condition})
    return out


def main(catalog, out):
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    for name, records in convert(catalog).items():
        with open(out / f"{name}.jsonl", "w", encoding="utf-8") as lines:
            lines.writelines(json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n" for record in records)
        print(f"{name}: {len(records)}", file=sys.stderr)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
