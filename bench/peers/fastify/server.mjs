// The product page of the Corner Shop as a team would write it with Fastify, libsql and EJS: a process per core,
// prepared statements, compiled templates. usage: node server.mjs PORT DATABASE SEEDS
import cluster from "node:cluster";
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";

import ejs from "ejs";
import Fastify from "fastify";
import Database from "libsql";

const [port, file, seeds] = process.argv.slice(2);

const TABLES = `
  CREATE TABLE categories (id INTEGER PRIMARY KEY, slug TEXT UNIQUE, name TEXT, wall TEXT, about TEXT, picture TEXT, shelf INTEGER);
  CREATE TABLE products (id INTEGER PRIMARY KEY, slug TEXT UNIQUE, name TEXT, category INTEGER REFERENCES categories, kind TEXT, quantity TEXT,
    content INTEGER, measure TEXT, price INTEGER, was INTEGER, stock INTEGER, organic INTEGER, nearby INTEGER, fresh INTEGER, picture TEXT,
    description TEXT, shelf INTEGER);
  CREATE INDEX products_category ON products (category, kind, shelf);
  CREATE TABLE reviews (id INTEGER PRIMARY KEY, product INTEGER REFERENCES products, author TEXT, stars INTEGER, body TEXT, created TEXT);
  CREATE INDEX reviews_product ON reviews (product, created);
  CREATE INDEX reviews_stars ON reviews (product, stars);
`;

function lines(name) {
  return readFileSync(`${seeds}/${name}.jsonl`, "utf8").trim().split("\n").map((line) => JSON.parse(line));
}

function fill(db) {
  db.exec("PRAGMA journal_mode = WAL");
  db.exec(TABLES);
  const idOf = (table, address) => db.prepare(`SELECT id FROM ${table} WHERE slug = ?`).get(address.slice(5)).id;
  db.exec("BEGIN");
  const category = db.prepare("INSERT INTO categories (slug, name, wall, about, picture, shelf) VALUES (?, ?, ?, ?, ?, ?)");
  for (const it of lines("categories")) category.run(it.slug, it.name, it.wall, it.about, it.picture, it.shelf);
  const product = db.prepare(`INSERT INTO products (slug, name, category, kind, quantity, content, measure, price, was, stock, organic, nearby,
    fresh, picture, description, shelf) VALUES (${Array(16).fill("?").join(", ")})`);
  for (const it of lines("products"))
    product.run(it.slug, it.name, idOf("categories", it.category), it.kind, it.quantity, it.content ?? null, it.measure ?? null, it.price.amount,
      it.was?.amount ?? null, it.stock, Number(it.organic), Number(it.nearby), Number(it.fresh), it.picture, it.description, it.shelf);
  const review = db.prepare("INSERT INTO reviews (product, author, stars, body, created) VALUES (?, ?, ?, ?, ?)");
  for (const it of lines("reviews")) review.run(idOf("products", it.product), it.author, it.stars, it.body, "2026-11-20T09:00:00Z");
  db.exec("COMMIT");
}

const RATED = `*, (SELECT count(*) FROM reviews r WHERE r.product = p.id) AS reviews_count,
  (SELECT avg(stars) FROM reviews r WHERE r.product = p.id) AS rating`;

function pages(db) {
  const ask = {
    aisles: db.prepare("SELECT slug, name FROM categories ORDER BY shelf"),
    product: db.prepare(`SELECT ${RATED} FROM products p WHERE slug = ?`),
    aisle: db.prepare("SELECT slug, name, wall FROM categories WHERE id = ?"),
    reviews: db.prepare("SELECT * FROM reviews WHERE product = ? ORDER BY created DESC, id DESC LIMIT 10"),
    total: db.prepare("SELECT count(*) AS total FROM reviews WHERE product = ?"),
    stars: db.prepare("SELECT stars, count(*) AS count FROM reviews WHERE product = ? GROUP BY stars"),
    near: db.prepare(`SELECT ${RATED} FROM products p WHERE category = ? AND kind = ? ORDER BY shelf LIMIT 6`),
  };
  return (slug) => {
    const product = ask.product.get(slug);
    if (!product) return null;
    const counts = Object.fromEntries(ask.stars.all(product.id).map(({ stars, count }) => [stars, count]));
    return {
      product,
      counts,
      aisles: ask.aisles.all(),
      aisle: ask.aisle.get(product.category),
      reviews: ask.reviews.all(product.id),
      total: ask.total.get(product.id).total,
      near: ask.near.all(product.category, product.kind),
    };
  };
}

const money = (cents) => `€${(cents / 100).toFixed(2)}`;
const date = (text) => new Date(text).toLocaleDateString("en", { dateStyle: "medium" });

async function serve() {
  const db = new Database(file);
  const page = pages(db);
  const template = fileURLToPath(new URL("product.ejs", import.meta.url));
  const render = ejs.compile(readFileSync(template, "utf8"), { filename: template, localsName: "it" });
  const app = Fastify();
  app.get("/products/:slug", (request, reply) => {
    const found = page(request.params.slug);
    if (!found) return reply.code(404).send("Not found");
    return reply.type("text/html; charset=utf-8").send(render({ ...found, money, date, url: request.url }));
  });
  await app.listen({ port: Number(port), host: "127.0.0.1" });
}

if (cluster.isPrimary) {
  fill(new Database(file));
  for (let n = 0; n < availableParallelism(); n += 1) cluster.fork();
} else {
  await serve();
}
