"""Makes the database and fills it with the shop's seeds. usage: DATABASE=… python fill.py SEEDS"""
import json
import os
import sys
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")

import django  # noqa: E402

django.setup()

from django.db import connection, transaction  # noqa: E402
from django.utils.dateparse import parse_datetime  # noqa: E402
from shop.models import Category, Product, Review  # noqa: E402


def fill(seeds):
    def lines(name):
        return [json.loads(line) for line in (Path(seeds) / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]

    with connection.cursor() as cursor:
        cursor.execute("PRAGMA journal_mode = WAL")
    with connection.schema_editor() as editor:
        for model in (Category, Product, Review):
            editor.create_model(model)
    with transaction.atomic():
        aisles = {line["slug"]: Category.objects.create(slug=line["slug"], name=line["name"], wall=line["wall"], shelf=line["shelf"]) for line in lines("categories")}
        plain = ("slug", "name", "kind", "quantity", "stock", "organic", "nearby", "fresh", "picture", "description", "shelf")
        goods = {line["slug"]: Product.objects.create(
            category=aisles[line["category"][5:]], price=line["price"]["amount"], was=line.get("was", {}).get("amount"), content=line.get("content"),
            measure=line.get("measure"), **{name: line[name] for name in plain}) for line in lines("products")}
        Review.objects.bulk_create(Review(product=goods[line["product"][5:]], author=line["author"], stars=line["stars"], body=line["body"],
                                          created=parse_datetime("2026-11-20T09:00:00Z")) for line in lines("reviews"))


if __name__ == "__main__":
    fill(sys.argv[1])
