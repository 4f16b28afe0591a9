"""Makes product pictures from the hand-made templates in templates/.

A template marks what may change: data-c="pack|accent|band|glass|air|…" (a fill) and data-slot="label" (the emblem).
What the row leaves open is drawn from the slug, so the same product always looks the same and neighbors differ.
"""
import zlib
import xml.etree.ElementTree as ET
from pathlib import Path

SVG = "http://www.w3.org/2000/svg"
ET.register_namespace("", SVG)
HERE = Path(__file__).parent / "templates"

COLORS = dict(tomato="#cf4530", brick="#a8452e", clay="#c9754a", mustard="#e0a52f", butter="#eecb62", lime="#a9b94a",
              leaf="#5d8f3c", bottle="#2f6b4a", teal="#24605c", sea="#4f8f94", blue="#35628a", navy="#2b466b", rose="#d88a80", stone="#8a968c")
# What a template may wear, what goes on its label, and whether a pattern suits it. No entry: any color, any emblem.
BREAD = ["#9a6238", "#7d4b2a", "#c08a4e", "#d3a05f"]
NATURE = {
    "rye-bread": BREAD, "rye-slices": BREAD, "cheese": ["#f3bf45", "#f0d38a", "#e59a3c", "#e8d9b0"],
    "eggs": ["#8fa69a", "#b9a27c", "#9aa7b4"], "apples": ["#cf4530", "#b7382f", "#a9b94a", "#e0b23c"],
}
GLASS = {"honey": ["#e9a02c", "#c8452f", "#8a2f45", "#e8842c", "#6b7a3a"], "olive-oil": ["#4b6b36", "#8a5a24", "#35506b", "#6b2f3a"]}
EMBLEMS = {  # drawn in a box of ±22 around 0,0; `currentColor` becomes the darkened pack color
    "leaf": '<path d="M0 22C-6-2 4-18 22-22 27-2 18 16 0 22zM-3 22c-17-4-23-15-20-28C-8-4-1 4-3 22z"/>',
    "sun": '<circle r="9"/><path d="M0-22v8M0 14v8M-22 0h8M14 0h8M-15-15l5 5M10 10l5 5M15-15l-5 5M-10 10l-5 5" stroke="currentColor" stroke-width="4" stroke-linecap="round"/>',
    "drop": '<path d="M0-22C10-8 15 0 15 7a15 15 0 0 1-30 0C-15 0-10-8 0-22z"/>',
    "wheat": '<path d="M-1.5 24V-4h3v28zM0-22c5 5 5 10 0 15-5-5-5-10 0-15zM-3 2c-8 0-12-4-12-11 8 0 12 4 12 11zM3 2c8 0 12-4 12-11-8 0-12 4-12 11zM-3 15c-8 0-12-4-12-11 8 0 12 4 12 11zM3 15c8 0 12-4 12-11-8 0-12 4-12 11z"/>',
    "berry": '<circle cx="-9" cy="8" r="10"/><circle cx="11" cy="10" r="9"/><path d="M-8 0C-6-10 0-17 8-21 10-12 12-4 11 3" fill="none" stroke="currentColor" stroke-width="3"/>',
    "flower": '<g><ellipse cy="-13" rx="7" ry="9"/><ellipse cy="13" rx="7" ry="9"/><ellipse cx="-13" rx="9" ry="7"/><ellipse cx="13" rx="9" ry="7"/><circle r="6" fill="#fff6e0"/></g>',
    "fish": '<path d="M-24 0C-14-13 4-14 12-3l12-8v22L12 3C4 14-14 13-24 0z"/><circle cx="-13" cy="-2" r="2.5" fill="#fff6e0"/>',
    "hex": '<path d="M0-23l10 6v11L0 0l-10-6v-11zM-12-2l10 6v11l-10 6-10-6V4zM12-2l10 6v11l-10 6-10-6V4z"/>',
    "bean": '<ellipse rx="14" ry="20" transform="rotate(28)"/><path d="M7-17C2-6-6 3-7 17" fill="none" stroke="#fff6e0" stroke-width="3.5"/>',
    "wave": '<path d="M-22-6c7-8 15-8 22 0s15 8 22 0v9C15 11 7 11 0 3s-15-8-22 0zM-22 10c7-8 15-8 22 0s15 8 22 0v7c-7 8-15 8-22 0s-15-8-22 0z"/>',
    "star": '<path d="M0-23l6 15 16 1-12 10 4 16L0 10l-14 9 4-16-12-10 16-1z"/>',
    "moon": '<path d="M8-20A21 21 0 1 0 20 8 17 17 0 0 1 8-20z"/>',
}
PATTERNS = {
    "plain": "",
    "stripes": '<pattern id="p" width="16" height="16" patternUnits="userSpaceOnUse"><path d="M0 0h6v16H0z" fill="#fff6e0" opacity=".3"/></pattern>',
    "dots": '<pattern id="p" width="18" height="18" patternUnits="userSpaceOnUse"><circle cx="4" cy="4" r="2.6" fill="#fff6e0" opacity=".5"/><circle cx="13" cy="13" r="2.6" fill="#fff6e0" opacity=".5"/></pattern>',
    "rings": '<pattern id="p" width="20" height="20" patternUnits="userSpaceOnUse"><path d="M0 4h20v3H0z" fill="#fff6e0" opacity=".35"/></pattern>',
}
PATTERNED = {"coffee", "tea", "notebook", "soap", "candle"}
SIZES = {"small": 0.8, "normal": 1.0, "large": 1.04}


def darker(color, share=0.35):
    return "#" + "".join(f"{round(int(color[i:i + 2], 16) * (1 - share)):02x}" for i in (1, 3, 5))


def lighter(color, share=0.5):
    return "#" + "".join(f"{round(int(color[i:i + 2], 16) * (1 - share) + 255 * share):02x}" for i in (1, 3, 5))


def pick(slug, what, options):
    """The same slug and question always give the same option."""
    options = list(options)
    return options[zlib.crc32(f"{slug}/{what}".encode()) % len(options)]


def picture(slug, template, pack="", accent="", emblem="", pattern="", size="", glass=""):
    """SVG text (transparent, standing on the lower edge of a 240 × 240 box) for one product."""
    nature = NATURE.get(template)
    pack = COLORS.get(pack, pack) or pick(slug, "pack", nature or COLORS.values())
    accent = COLORS.get(accent, accent) or pick(slug, "accent", [c for c in nature or COLORS.values() if c != pack])
    emblem = emblem or pick(slug, "emblem", EMBLEMS)
    pattern = (pattern or pick(slug, "pattern", PATTERNS)) if template in PATTERNED else "plain"
    glass = COLORS.get(glass, glass) or pick(slug, "glass", GLASS.get(template, [""]))
    scale = SIZES.get(size, 1.0)

    root = ET.parse(HERE / f"{template}.svg").getroot()
    parents = {child: parent for parent in root.iter() for child in parent}
    old = next((e.get("fill") for e in root.iter() if e.get("data-c") == "pack"), None)
    for element in list(root.iter()):
        part = element.attrib.pop("data-c", None)
        if part == "pack":
            element.set("fill", pack)
            if PATTERNS[pattern]:
                copy = ET.Element(element.tag, {**element.attrib, "fill": "url(#p)"})
                parent = parents[element]
                parent.insert(list(parent).index(element) + 1, copy)
        elif part in ("accent", "band"):
            element.set("fill", accent if part == "accent" else darker(accent))
        elif part in ("glass", "air") and glass:
            element.set("fill", glass if part == "glass" else lighter(glass))
        elif not part and old in (element.get("fill"), element.get("stroke")):
            element.set("fill" if element.get("fill") == old else "stroke", pack)  # what matches the pack stays matched
    slot = next((e for e in root.iter() if e.get("data-slot") == "label"), None)
    if slot is not None and not nature:
        for child in list(slot):
            slot.remove(child)
        ink = darker(pack)
        slot.append(ET.fromstring(f'<g xmlns="{SVG}" fill="{ink}">{EMBLEMS[emblem].replace("currentColor", ink)}</g>'))
    if slot is not None:
        del slot.attrib["data-slot"]
    body = ET.Element(f"{{{SVG}}}g", {"transform": f"translate(120 240) scale({scale}) translate(-120 -240)"} if scale != 1 else {})
    body.extend(list(root))
    for child in list(root):
        root.remove(child)
    if PATTERNS[pattern]:
        root.append(ET.fromstring(f'<defs xmlns="{SVG}">{PATTERNS[pattern]}</defs>'))
    root.append(body)
    return ET.tostring(root, encoding="unicode")
