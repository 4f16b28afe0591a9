// The page of the Corner Shop: asks the records API, draws what it answers. The address bar holds the whole state.
import { aisleItem, chip, item, note, productPage } from "./parts.js";

const PAGE = 24;
const ONLY = {
  stock: ["In the shop now", "stock > 0"],
  offer: ["On offer", "was != null"],
  organic: ["Organic", "organic"],
  nearby: ["From nearby", "nearby"],
};

const element = (id) => document.getElementById(id);

async function ask(path, parameters = {}) {
  const address = new URL(`/api/${path}`, location.origin);
  for (const [name, value] of Object.entries(parameters)) if (value) address.searchParams.set(name, value);
  const answer = await fetch(address, { headers: { accept: "application/json" } });
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.detail ?? body.title);
  return body;
}

// Quotes a text for the expression language.
const quoted = (text) => JSON.stringify(text);

function cents(text) {
  const number = Number(text?.replace(",", "."));
  return text && Number.isFinite(number) ? Math.round(number * 100) : null;
}

function filterOf(state, aisle) {
  const terms = state.getAll("only").flatMap((word) => ONLY[word]?.[1] ?? []);
  const [from, to] = [cents(state.get("from")), cents(state.get("to"))];
  if (aisle) terms.push(`category.slug == ${quoted(aisle)}`);
  if (from !== null) terms.push(`price.amount >= ${from}`);
  if (to !== null) terms.push(`price.amount <= ${to}`);
  if (state.get("q")) {
    const word = quoted(state.get("q").toLowerCase());
    terms.push(`(name.lowerAscii().contains(${word}) || description.lowerAscii().contains(${word}))`);
  }
  return terms.join(" && ");
}

function showState(state, aisles) {
  const aisle = aisles.find(({ slug }) => slug === state.get("aisle"));
  element("title").textContent = aisle?.name ?? "Everything";
  document.title = `${aisle?.name ?? "Everything"} · Corner Shop`;
  element("q").value = state.get("q") ?? "";
  const form = element("filters");
  form.from.value = state.get("from") ?? "";
  form.to.value = state.get("to") ?? "";
  form.sort.value = state.get("sort") ?? "shelf";
  for (const box of form.querySelectorAll("[name=only]")) box.checked = state.getAll("only").includes(box.value);
  const all = aisleItem("Everything", "/", !aisle);
  const rest = aisles.map(({ slug, name }) => aisleItem(name, `/?aisle=${slug}`, slug === aisle?.slug));
  element("aisles").replaceChildren(all, ...rest);
  element("chips").replaceChildren(...chipsOf(state));
}

function chipsOf(state) {
  const without = (name, value) => {
    const rest = new URLSearchParams([...state].filter(([key, held]) => key !== name || (value && held !== value)));
    return `/?${rest}`;
  };
  const chips = state.getAll("only").map((word) => chip(ONLY[word]?.[0] ?? word, without("only", word)));
  if (state.get("q")) chips.push(chip(`“${state.get("q")}”`, without("q")));
  if (state.get("from")) chips.push(chip(`From €${state.get("from")}`, without("from")));
  if (state.get("to")) chips.push(chip(`Up to €${state.get("to")}`, without("to")));
  return chips;
}

async function showList(state, aisles) {
  showState(state, aisles);
  const wanted = { filter: filterOf(state, state.get("aisle")), sort: state.get("sort") ?? "shelf", limit: PAGE, total: "true" };
  const walls = Object.fromEntries(aisles.map(({ id, wall }) => [id, wall]));
  const shelf = element("shelf");
  shelf.replaceChildren();
  let shown = 0;
  const next = async (cursor) => {
    const page = await ask("products", { ...wanted, cursor });
    shelf.append(...page.items.map((product) => item(product, walls[product.category])));
    shown += page.items.length;
    const all = page.total === undefined ? "" : ` of ${page.total}`;
    element("count").textContent = shown
      ? `${shown}${all} things`
      : "Nothing on the shelf fits all of this. Take one filter away.";
    element("more").hidden = !page.next;
    element("more").onclick = (event) => {
      event.preventDefault();
      next(page.next).catch(fail);
    };
    element("more").href = "#more";
  };
  await next();
}

async function showProduct(slug, aisles) {
  const product = await ask(`products/slug=${encodeURIComponent(slug)}`);
  const reviews = await ask("reviews", { "where.product": product.id, sort: "-stars", limit: 50 });
  const aisle = aisles.find(({ id }) => id === product.category);
  document.title = `${product.name} · Corner Shop`;
  element("list-view").hidden = true;
  element("product-view").hidden = false;
  element("product-view").replaceChildren(...productPage(product, reviews.items, aisle));
  element("aisles").replaceChildren(
    aisleItem("Everything", "/", false),
    ...aisles.map(({ slug: name, name: label }) => aisleItem(label, `/?aisle=${name}`, name === aisle?.slug)),
  );
}

function fail(problem) {
  element("count").replaceChildren(note(`The shop did not answer: ${problem.message}`));
}

for (const form of document.querySelectorAll("form")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const state = new URLSearchParams(location.search);
    const sent = new FormData(form);
    for (const name of ["product", ...new Set([...form.elements].map(({ name }) => name).filter(Boolean))]) state.delete(name);
    for (const [name, value] of sent) if (value && !(name === "sort" && value === "shelf")) state.append(name, value);
    location.search = state.toString();
  });
}

const state = new URLSearchParams(location.search);
try {
  const aisles = (await ask("categories", { sort: "shelf", limit: 100 })).items;
  await (state.get("product") ? showProduct(state.get("product"), aisles) : showList(state, aisles));
} catch (problem) {
  fail(problem);
}
