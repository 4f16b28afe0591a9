const answer = await fetch("/api/notes?sort=-pinned,created");
const { items } = await answer.json();
const rows = items.map(({ title }) => Object.assign(document.createElement("li"), { textContent: title }));
document.getElementById("notes").replaceChildren(...rows);
