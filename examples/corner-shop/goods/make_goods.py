#!/usr/bin/env python3
"""Makes seeds/*.jsonl and public/pictures/*.svg from goods.csv: `python3 make_goods.py`. The same input makes the same files."""
import csv, json, re, zlib
from pathlib import Path

from make_pictures import picture

HERE = Path(__file__).parent
SITE = HERE.parent
CATEGORIES = [("bread", "Bread & bakery", "butter", "Loaves, rolls, crispbread", "country-loaf"),
              ("dairy", "Cheese & dairy", "sky", "Cut to order, milk in glass", "cheddar-18-months"),
              ("produce", "Fruit & vegetables", "mint", "What is ripe this week", "red-apples"),
              ("pantry", "Pantry", "blush", "Oil, honey, pickles, tins", "chestnut-honey"),
              ("coffee", "Coffee & tea", "stone", "Roasted on Mondays", "assam"),
              ("household", "Household", "blush", "Soap, candles, brushes", "beeswax-candle"),
              ("paper", "Paper & desk", "butter", "Notebooks, pencils, string", "address-book")]
MEASURES = {"kg": ("kg", 1000), "g": ("kg", 1), "l": ("l", 1000), "ml": ("l", 1)}
PEOPLE = ["Ines", "Tomas", "Mrs. Aldridge", "Jonah", "Pilar", "Wen", "Ola", "Bram", "Sefa", "Marguerite", "Dai", "Rosa", "Kofi", "Lena",
          "Mr. Whitlock", "Anouk", "Yusuf", "Greta", "Piet", "Nell"]
SAID = {
    "bread": [(5, "Still warm at nine. I have stopped baking myself."), (5, "The crust is what I come for."), (4, "Good bread, gone by noon. Come early."),
              (4, "Keeps three days in a cloth, then makes very good toast."), (3, "A little dark for me, my husband disagrees."), (2, "Mine was from the day before. They changed it without a word.")],
    "dairy": [(5, "Tastes the way it did at my grandmother's."), (5, "I bring the glass back every Tuesday, it is easy."), (4, "Rich. A small piece is enough."),
              (4, "The children eat it without being asked."), (3, "Fine, but dearer than in the market hall."), (1, "Had turned on the second day. I got my money back.")],
    "produce": [(5, "You can smell them from the door."), (4, "Not all of one size, all of one taste."), (4, "The box lasted us a week."), (3, "Two of them had bruises."),
                (5, "From the orchard where I used to steal them.")],
    "pantry": [(5, "There is always one of these in my cupboard now."), (5, "Opened it on Friday, empty on Sunday."), (4, "Good, and the glass is too nice to throw away."),
               (4, "Better than what I brought home from the holidays."), (3, "Saltier than I expected."), (2, "Not for me; too sharp.")],
    "coffee": [(5, "My morning, for two years now."), (4, "Stronger than the first one I had here."), (5, "The office asks where I get it."), (3, "A bit flat without milk."),
               (4, "Ground it coarser and it was right.")],
    "household": [(5, "Smells like a clean cupboard, not like perfume."), (4, "Lasts longer than it looks."), (5, "I give these as presents."), (3, "Nice, but the paper came loose.")],
    "paper": [(5, "It lies flat. That is all I ever wanted."), (4, "Ink does not come through."), (4, "My third."), (3, "I wish there were more pages."), (5, "Writes better than it should for the price.")],
}


def pick(key, options):
    return options[zlib.crc32(key.encode()) % len(options)]


def slug_of(name):
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def product(number, row):
    marks = dict(mark.partition("=")[::2] for mark in row["marks"].split())
    slug = slug_of(row["name"])
    cents = lambda text: {"amount": round(float(text) * 100), "currency": "EUR"}
    line = {"key": ["slug"], "slug": slug, "name": row["name"], "category": "slug=" + row["category"], "kind": row["kind"], "quantity": row["quantity"],
            "price": cents(row["price"]), "description": row["description"], "picture": f"/pictures/{slug}.svg", "shelf": number,
            "stock": 0 if "sold" in marks else 3 + zlib.crc32(slug.encode()) % 40,
            "organic": "organic" in marks, "nearby": "nearby" in marks, "fresh": "new" in marks}
    number_of, _, unit = row["quantity"].partition(" ")
    if unit in MEASURES:
        measure, factor = MEASURES[unit]
        line |= {"content": round(float(number_of) * factor), "measure": measure}
    if "offer" in marks:
        line["was"] = cents(marks["offer"])
    return line


def reviews(line, category):
    said = SAID[category]
    count = zlib.crc32(("count" + line["slug"]).encode()) % (len(said) + 1)
    first = zlib.crc32(line["slug"].encode())
    for n in range(count):
        stars, body = said[(first + n) % len(said)]
        yield {"key": ["product", "author"], "product": "slug=" + line["slug"], "account": None, "author": pick(f"{line['slug']}/{n}", PEOPLE) if n == 0 else PEOPLE[(first + 7 * n) % len(PEOPLE)],
               "stars": stars, "body": body}


def write(name, lines):
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    (SITE / "seeds" / f"{name}.jsonl").write_text(text, encoding="utf-8")


def main():
    rows = list(csv.DictReader(open(HERE / "goods.csv", newline="", encoding="utf-8")))
    products = [product(number, row) for number, row in enumerate(rows, 1)]
    write("categories", [{"key": ["slug"], "slug": slug, "name": name, "wall": wall, "about": about, "picture": f"/pictures/{of}.svg", "shelf": n}
                         for n, (slug, name, wall, about, of) in enumerate(CATEGORIES, 1)])
    write("products", products)
    seen = {}
    for line, row in zip(products, rows):
        for review in reviews(line, row["category"]):
            seen.setdefault((review["product"], review["author"]), review)
    write("reviews", seen.values())
    pictures = SITE / "public" / "pictures"
    pictures.mkdir(parents=True, exist_ok=True)
    for line, row in zip(products, rows):
        (pictures / f"{line['slug']}.svg").write_text(picture(line["slug"], row["template"]), encoding="utf-8")
    print(f"{len(products)} products, {len(seen)} reviews")


if __name__ == "__main__":
    main()
