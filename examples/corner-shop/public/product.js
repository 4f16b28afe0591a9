// The page of a product, where a script runs: new reviews appear as they are written, and what was looked at is noted.

const place = document.querySelector("[data-product]");
const product = place.dataset.product;
const list = document.querySelector(".review-list");
const live = document.querySelector(".live");
const waiting = [];

function star(filled) {
  const drawn = list.ownerDocument.createElementNS("http://www.w3.org/2000/svg", "svg");
  drawn.setAttribute("class", filled ? "star" : "star empty");
  drawn.setAttribute("viewBox", "0 0 20 20");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", "#star");
  drawn.append(use);
  return drawn;
}

// Text goes in as text, never as HTML.
function drawn({ id, stars, author, body, created }) {
  const item = document.createElement("li");
  item.className = "review fresh";
  item.dataset.id = id;
  const head = document.createElement("header");
  const words = document.createElement("span");
  words.className = "sr";
  words.textContent = `${stars} of 5 stars`;
  const name = document.createElement("b");
  name.textContent = author;
  head.append(...Array.from({ length: stars }, () => star(true)), words, name);
  const text = document.createElement("p");
  text.textContent = body;
  const by = document.createElement("p");
  by.className = "by";
  const time = document.createElement("time");
  time.dateTime = created;
  time.textContent = new Date(created).toLocaleDateString("en", { dateStyle: "medium" });
  by.append(time);
  item.append(head, text, by);
  return item;
}

// New ones are told first and shown when asked for: what is being read stays where it is.
function tell() {
  const button = document.createElement("button");
  button.className = "button second small";
  button.textContent = waiting.length === 1 ? "1 new review" : `${waiting.length} new reviews`;
  button.addEventListener("click", () => {
    list.prepend(...waiting.splice(0).reverse().map(drawn));
    live.hidden = true;
  });
  live.replaceChildren(button);
  live.hidden = false;
}

// What was missed is not known: the list as the server shows it now takes the place of the one that is here.
async function loadAgain() {
  const answer = await fetch(location.href, { headers: { accept: "text/html" } });
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  list.replaceChildren(...page.querySelectorAll(".review-list > li"));
  waiting.length = 0;
  live.hidden = true;
}

function follow() {
  const changes = new EventSource(`/api/changes?topics=reviews(product=${product})`);
  changes.addEventListener("change", (event) => {
    const { op, id, record } = JSON.parse(event.data);
    const shown = list.querySelector(`[data-id="${id}"]`);
    const place = waiting.findIndex((review) => review.id === id);
    if (place >= 0) waiting.splice(place, 1);
    if (op === "gone") shown?.remove();
    else if (shown) shown.replaceWith(drawn(record));
    else waiting.push(record);
    if (waiting.length) tell();
    else live.hidden = true;
  });
  changes.addEventListener("resync", loadAgain);
}

if ("visit" in place.dataset) {
  fetch(`/api/visits/account=me,product=${product}`, { method: "PUT", headers: { "content-type": "application/json" }, body: "{}" });
}
follow();
