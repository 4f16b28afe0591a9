// The pieces of the page, as elements. Text goes in as text, never as HTML.

const SVG = "http://www.w3.org/2000/svg";

function make(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes))
    if (value !== undefined && value !== false) made.setAttribute(name, value);
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

function icon(name, kind = "icon", box = "0 0 24 24") {
  const drawn = document.createElementNS(SVG, "svg");
  for (const [key, value] of [
    ["class", kind],
    ["viewBox", box],
    ["aria-hidden", "true"],
  ])
    drawn.setAttribute(key, value);
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#${name}`);
  drawn.append(use);
  return drawn;
}

const euros = ({ amount }) => `€${(amount / 100).toFixed(2)}`;

function perUnit({ price, quantity }) {
  const [, count, unit] = quantity.match(/^([\d.]+) (kg|g|l|ml)$/) ?? [];
  if (!count || (Number(count) === 1 && unit.length <= 2 && unit !== "g")) return quantity;
  const large = { kg: ["kg", 1], g: ["kg", 1000], l: ["l", 1], ml: ["l", 1000] }[unit];
  return `${quantity} · €${((price.amount / 100 / Number(count)) * large[1]).toFixed(2)}/${large[0]}`;
}

function tag({ price, was }) {
  if (!was) return make("p", { class: "tag" }, make("b", {}, euros(price)));
  return make(
    "p",
    { class: "tag offer" },
    make("s", {}, make("span", { class: "sr" }, "before "), euros(was)),
    " ",
    make("b", {}, euros(price)),
  );
}

function rating({ rating: stars, reviews_count: count }) {
  if (!count) return make("span", { class: "rating muted" }, "No reviews yet");
  const words = make(
    "span",
    {},
    make("span", { class: "sr" }, "Rated "),
    stars.toFixed(1),
    make("span", { class: "sr" }, " of 5 by "),
    " ",
  );
  words.append(make("span", { class: "muted count" }, `(${count})`));
  return make("span", { class: "rating" }, icon("star", "star", "0 0 20 20"), words);
}

export function aisleItem(label, href, current) {
  return make("li", {}, make("a", { href, "aria-current": current ? "page" : false }, label));
}

export function chip(label, href) {
  return make("a", { href }, `${label} `, icon("cross"), make("span", { class: "sr" }, "remove"));
}

export function note(text) {
  return make("span", { class: "note danger", role: "alert" }, icon("alert"), ` ${text}`);
}

export function item(product, wall) {
  const gone = product.stock === 0;
  const corner = gone ? "Sold out" : product.fresh ? "New" : null;
  const stand = make(
    "div",
    { class: "stand" },
    make("img", { src: product.picture, alt: "", width: 240, height: 240, loading: "lazy" }),
  );
  const what = make(
    "div",
    { class: "what" },
    make("h3", {}, make("a", { href: `/?product=${product.slug}` }, product.name)),
    make("p", { class: "unit" }, perUnit(product)),
  );
  const act = make("div", { class: "act" }, rating(product), gone ? make("span", { class: "muted" }, "Sold out") : null);
  return make(
    "li",
    { class: `item wall-${wall ?? "stone"}${gone ? " gone" : ""}` },
    stand,
    corner && make("span", { class: "corner badge plain" }, corner),
    tag(product),
    what,
    act,
  );
}

function review({ author, stars, body }) {
  const head = make(
    "p",
    { class: "rating" },
    ...Array.from({ length: stars }, () => icon("star", "star", "0 0 20 20")),
    make("span", { class: "sr" }, `${stars} of 5`),
    make("b", {}, ` ${author}`),
  );
  return make("li", { class: "review" }, head, make("p", {}, body));
}

export function productPage(product, reviews, aisle) {
  const crumbs = make(
    "nav",
    { "aria-label": "Where you are" },
    make(
      "ol",
      { class: "crumbs" },
      make("li", {}, make("a", { href: "/" }, "Shop")),
      make("li", {}, make("a", { href: `/?aisle=${aisle?.slug}` }, aisle?.name ?? "Aisle")),
      make("li", { "aria-current": "page" }, product.name),
    ),
  );
  const stage = make(
    "div",
    { class: `stage wall-${aisle?.wall ?? "stone"}` },
    make("img", { src: product.picture, alt: "", width: 240, height: 240 }),
  );
  const left = product.stock === 0 ? "Sold out just now." : `${product.stock} on the shelf.`;
  const facts = [product.organic && "Organic", product.nearby && "From nearby", product.kind].filter(Boolean).join(" · ");
  const buy = make(
    "div",
    { class: "buy" },
    make("h1", {}, product.name),
    make("p", {}, rating(product)),
    make("div", { class: "price-big" }, tag(product), make("span", { class: "unit" }, perUnit(product))),
    make("p", {}, product.description),
    make("p", { class: "muted" }, facts),
    make("p", {}, left),
  );
  const said = reviews.length
    ? make("ol", { class: "review-list" }, ...reviews.map(review))
    : make("p", { class: "muted" }, "Nobody has said anything about it yet.");
  const section = make(
    "section",
    { class: "section", "aria-labelledby": "said" },
    make("h2", { id: "said" }, "What people say"),
    said,
  );
  return [crumbs, make("div", { class: "product" }, stage, buy), section];
}
