//! Pages made on the server, through HTTP and on both databases.

use mains_server::PageFile;

use crate::talk::{Talk, id_of, on_both, on_both_with, say};

const LAYOUT: &str = r"<title>{% block title %}{{ site.name }}{% endblock %}</title>
{% block content %}{% endblock %}";

const NOTE: &str = r#"+++
[note]
get = "notes/slug={path.slug}"

[votes]
list = "votes"
where = { note = "{note.id}" }
+++
{% extends "_layout.html" %}
{% block title %}{{ note.title }}{% endblock %}
{% block content %}<h1 title="{{ note.title }}">{{ note.title }}</h1>{{ note.secret }}
{% for tag in note.tags %}<i>{{ tag }}</i>{% endfor %}
{% for vote in votes %}{{ vote.up }}{% else %}none{% endfor %}{% endblock %}"#;

const LIST: &str = r#"+++
[notes]
list = "notes"
where = { tags = "{query.tag}", title = "{query.title}" }
filter = "stars >= {query.stars}"
sort = "{query.sort|title}"
limit = 2
cursor = "{query.cursor}"
total = true
fields = "title"
+++
{% for note in notes %}<b>{{ note.title }}</b>{% else %}<p>none</p>{% endfor %}
{{ notes.total }} {{ query.tag }}{% if notes.next %}
<a href="{{ link(cursor="c") }}">next</a>{% endif %}
<a href="{{ link(tag=["x", "y&z"]) }}">tags</a> <a href="{{ page.without("tag") }}">no tag</a>"#;

const FORM: &str = r#"+++
[note]
get = "notes/{query.id}"
optional = true
+++
{% set f = form("/api/notes", next="/thanks") %}
{{ f.open() }}
{{ f.note() }}
{{ f.field("title", label="Title", hint="Say it.") }}
{{ f.textarea("secret") }}
{{ f.field("password", type="password") }}
{{ f.select("status") }}
{{ f.checkbox("private", label="Private") }}
{{ f.close() }}"#;

const VOTES: &str = r#"+++
[votes]
list = "votes"
expand = "note.author,account"
[stars]
aggregate = "notes"
group = "stars"
count = true
where = { tags = "{query.tag}" }
[mine]
list = "votes"
where = { account = "{caller.id}" }
[same]
list = "notes"
where = { id = "{votes.note}" }
sort = "title"
+++
{% for vote in votes %}{{ vote.expand.note.title }} by {{ vote.expand.account.name }}, {{ vote.expand.note.secret }};{% endfor %}
{% for row in stars %}{{ row.group.stars }}: {{ row.count }};{% endfor %}
{{ mine | length }} {% for note in same %}{{ note.title }};{% endfor %}
{{ caller.signed_in }} {{ caller.id }} {{ caller.account }} {{ caller.kind }}"#;

const DATES: &str = r#"+++
[notes]
list = "notes"
+++
{% for note in notes %}{{ note.created | date }}|{{ note.created | datetime(zone="Europe/Berlin", locale="de") }}|{{ note.created | time }}|{{ note.created | date(format="%d.%m.%Y") }}|{{ note.price | number }}|{{ 420 | money(currency="EUR") }}|{{ note.author | date }}|{{ note.title | lines }}|{{ "a b" | urlencode }}|{{ asset("none.css") }}|{{ asset("../x") }}{% endfor %}
<script src="{{ query.x }}"></script><a href="{{ query.x }}">{{ query }}</a>{{ page.url }}"#;

/// The pages of every conversation.
pub(crate) fn files() -> Vec<PageFile> {
    [
        ("_layout.html", LAYOUT),
        ("notes/index.html", LIST),
        ("notes/[slug].html", NOTE),
        ("form.html", FORM),
        ("votes.html", VOTES),
        ("dates.html", DATES),
        ("mine.html", "+++\nsigned_in = true\n+++\nmine"),
        ("kept.html", "+++\ncache = 60\n+++\nkept"),
        ("mistake.html", "{{ site.name }}\n{{ page.titel }}"),
        ("endless.html", "{% macro again() %}{% for n in range(100000) %}{% for m in range(100000) %}x{% endfor %}{% endfor %}{% endmacro %}{{ again() }}"),
        ("deep.html", "{% include \"deep.html\" %}"),
    ]
    .map(|(path, source)| PageFile { path: path.into(), source: source.into() })
    .into()
}

async fn note(talk: &Talk, json: &str) -> String {
    id_of(&talk.editor(say("POST /api/notes?fields=id").json(json)).await)
}

/// All of `parts` stand in `said`, in this order.
fn has(said: &str, parts: &[&str]) {
    let mut rest = said;
    for part in parts {
        let Some((_, after)) = rest.split_once(part) else { panic!("{part:?} does not follow in\n{said}") };
        rest = after;
    }
}

fn form(body: &str) -> String {
    format!("_page=%2Fform&{body}")
}

#[test]
fn a_page_shows_a_record_and_a_list() {
    let said = on_both(async |talk| {
        let note = note(talk, r#"{"title": "Bread <b>\"&'", "tags": ["<i>", "b"], "secret": "s"}"#).await;
        talk.send(say("GET /notes/bread-b")).await;
        let account = r#"{"name": "max"}"#;
        let account = id_of(&talk.editor(say("POST /api/accounts?fields=id").json(account)).await);
        let vote = format!(r#"{{"note": "{note}", "account": "{account}"}}"#);
        talk.editor(say("POST /api/votes?fields=id").json(vote)).await;
        talk.editor(say("GET /notes/bread-b")).await;
        talk.send(say("HEAD /notes/bread-b")).await;
        talk.send(say("GET /notes/bread-b/?a=1")).await;
        talk.send(say("GET /notes/other")).await;
        talk.send(say("POST /notes/bread-b")).await;
    });
    let shown = "<h1 title=\"Bread &lt;b&gt;&quot;&amp;&#39;\">Bread &lt;b&gt;&quot;&amp;&#39;</h1>";
    has(
        &said,
        &[
            "> GET /notes/bread-b \n200\n<title>Bread &lt;b&gt;&quot;&amp;&#39;</title>",
            shown,
            "\n<i>&lt;i&gt;</i><i>b</i>\nnone",
            "> GET /notes/bread-b \n200\n",
            shown,
            "s\n<i>&lt;i&gt;</i><i>b</i>\ntrue",
            "> HEAD /notes/bread-b \n200 content-length: ",
            "> GET /notes/bread-b/?a=1 \n308 location: /notes/bread-b?a=1",
            "> GET /notes/other \n404\n{\"type\"",
            "> POST /notes/bread-b \n405 allow: GET, HEAD, OPTIONS",
        ],
    );
}

#[test]
fn a_list_takes_its_conditions_from_the_address() {
    let said = on_both(async |talk| {
        for (title, tag, stars) in [("One", "a", 1), ("Two", "b", 2), ("Three", "a", 3)] {
            note(talk, &format!(r#"{{"title": "{title}", "tags": ["{tag}"], "stars": {stars}}}"#)).await;
        }
        talk.send(say("GET /notes")).await;
        talk.send(say("GET /notes?tag=a&tag=b&stars=2&sort=-title")).await;
        talk.send(say("GET /notes?tag=a&tag=b&stars=2%20%7C%7C%20true")).await;
        talk.send(say("GET /notes?tag=")).await;
        talk.send(say("GET /notes?sort=nothing")).await;
        talk.send(say("GET /notes?cursor=forged")).await;
        talk.send(say("GET /notes?title=%22%20%7C%7C%20true&tag=%3Cb%3E")).await;
    });
    has(
        &said,
        &[
            "> GET /notes \n200\n<b>One</b><b>Three</b>\n3 \n<a href=\"/notes?cursor=…\">next</a>",
            "<a href=\"/notes?tag=x&amp;tag=y%26z\">tags</a> <a href=\"/notes\">no tag</a>",
            "&sort=-title \n200\n<b>Two</b><b>Three</b>\n2 a\n",
            "<a href=\"/notes?stars=2&amp;sort=-title\">no tag</a>",
            "true \n200\n<p>none</p>",
            "> GET /notes?tag= \n200\n<b>One</b>",
            "> GET /notes?sort=nothing \n400\n",
            "> GET /notes?cursor=… \n400\n",
            "%3Cb%3E \n200\n<p>none</p>\n0 &lt;b&gt;\n",
        ],
    );
}

#[test]
fn a_failed_form_comes_again_with_its_messages() {
    let said = on_both(async |talk| {
        talk.editor(say("GET /form")).await;
        let long = "x".repeat(41);
        let body = form(&format!(
            "_next=/&title={long}&secret=%3C/textarea%3E&password=p&private=false&private=true"
        ));
        talk.editor(say("POST /api/notes").form(body)).await;
        talk.editor(say("POST /api/notes").form(form("_next=%2Fthanks&title=Fine&status=draft"))).await;
        talk.send(say("POST /api/notes").form(form("title=Visitor"))).await;
        talk.editor(say("POST /api/notes").form(form("title=x&_next=https%3A%2F%2Fevil.example"))).await;
        talk.editor(say("POST /api/notes").form("_page=%2Fnowhere&title=")).await;
        talk.editor(say("POST /api/notes").form("_page=https%3A%2F%2Fevil.example%2Fform&title=")).await;
    });
    let title = "<input class=\"input\" id=\"title\" name=\"title\" required aria-describedby=\"title-hint\" type=\"text\" maxlength=\"40\">";
    has(
        &said,
        &[
            "> GET /form \n200\n",
            "<form method=\"post\" action=\"/api/notes?_page=%2Fform\"><input type=\"hidden\" name=\"_page\" value=\"/form\"><input type=\"hidden\" name=\"_next\" value=\"/thanks\">",
            "<label for=\"title\">Title</label><span class=\"hint\" id=\"title-hint\">Say it.</span>",
            title,
            "<option value=\"draft\">draft</option><option value=\"done\">done</option>",
            "<input type=\"hidden\" name=\"private\" value=\"false\"><input type=\"checkbox\" id=\"private\" name=\"private\" value=\"true\">",
            "private=false&private=true\n422\n",
            "role=\"alert\" tabindex=\"-1\" autofocus>",
            "<a href=\"#title\">",
            "aria-invalid=\"true\" autofocus aria-describedby=\"title-hint title-message\" type=\"text\" maxlength=\"40\" value=\"xxx",
            "<p class=\"message\" id=\"title-message\">",
            "&lt;/textarea&gt;</textarea>",
            "<input class=\"input\" id=\"password\" name=\"password\"",
            " type=\"password\"><p",
            "name=\"private\" value=\"true\" checked>",
            "status=draft\n303 location: /thanks",
            "title=Visitor\n401\n",
            "<form method=\"post\"",
            "evil.example\n400\n",
            "_next must be a path of this site",
            "_page=%2Fnowhere&title=\n422\n{\"type\"",
            "evil.example%2Fform&title=\n422\n{\"type\"",
        ],
    );
}

#[test]
fn templates_that_do_not_end_are_stopped() {
    let said = on_both(async |talk| {
        for page in ["/endless", "/deep", "/mistake"] {
            talk.send(say(&format!("GET {page}"))).await;
            talk.send(say(&format!("GET {page}")).with("accept", "text/html")).await;
        }
        talk.send(say("GET /nothing").with("accept", "text/html")).await;
        talk.send(say("GET /api/nothing").with("accept", "text/html")).await;
    });
    assert_eq!(said.matches("\n500\n{\"type\"").count(), 3, "{said}");
    assert_eq!(said.matches("<h1>Something went wrong</h1>").count(), 3, "{said}");
    assert_eq!(said.matches("<h1>There is no such page</h1>").count(), 2, "{said}");
    assert!(!said.contains("titel") && !said.contains("fuel"), "no word of the inside: {said}");
}

#[test]
fn what_belongs_to_records_and_totals() {
    let said = on_both(async |talk| {
        let one = note(talk, r#"{"title": "One", "stars": 2, "secret": "s", "tags": ["a"]}"#).await;
        note(talk, r#"{"title": "Two", "stars": 2}"#).await;
        note(talk, r#"{"title": "Hidden", "stars": 3, "private": true}"#).await;
        let account = r#"{"name": "ines"}"#;
        let account = id_of(&talk.editor(say("POST /api/accounts?fields=id").json(account)).await);
        let vote = format!(r#"{{"note": "{one}", "account": "{account}"}}"#);
        talk.editor(say("POST /api/votes?fields=id").json(vote)).await;
        talk.send(say("GET /votes")).await;
        talk.send(say("GET /votes?tag=a")).await;
        talk.send(say("GET /mine?a=b%26c")).await;
    });
    has(
        &said,
        &[
            "> GET /votes \n200\nOne by ines, ;\n2: 2;\n0 One;\nfalse   visitor\n",
            "> GET /votes?tag=a \n200\nOne by ines, ;\n2: 1;\n",
            "> GET /mine?a=b%26c \n303 location: /sign-in?next=%2Fmine%3Fa%3Db%2526c",
        ],
    );
}

#[test]
fn values_are_shown_as_people_write_them() {
    let said = on_both(async |talk| {
        note(talk, r#"{"title": "A\n\n<b>", "price": "1234.5"}"#).await;
        talk.send(
            say("GET /dates?x=%22%3E%3Cscript%3Ealert(1)%3C/script%3E&y=%7B%7B%207*7%20%7D%7D")
                .with("host", "h.example"),
        )
        .await;
    });
    has(
        &said,
        &[
            "January 2, 2026|2. Januar 2026, 04:04|03:04|02.01.2026|1,234.50|€4.20||<p>A</p><p>&lt;b&gt;</p>|a%20b|/none.css|/../x",
            "<script src=\"&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;\"></script>",
            "http://h.example/dates?x=%22%3E%3Cscript%3Ealert%281%29%3C%2Fscript%3E&amp;y=%7B%7B%207%2A7%20%7D%7D",
        ],
    );
    assert!(!said.contains("49"), "what comes with a request is no template: {said}");
}

#[test]
fn caches_are_told_who_may_keep_what() {
    on_both(async |talk| {
        for (address, key, wanted) in [
            ("/dates", false, "no-cache"),
            ("/kept", false, "public, max-age=60"),
            ("/kept", true, "private, no-store"),
            ("/dates", true, "private, no-store"),
        ] {
            let request = say("GET /x").with("accept-encoding", "gzip");
            let head = talk.head(address, key, request).await;
            assert_eq!(head["cache-control"], wanted, "{address}");
            assert_eq!(head["vary"], "Cookie, Authorization");
            assert!(head["content-security-policy"].to_str().unwrap().starts_with("default-src 'self';"));
            assert_eq!(head["content-type"], "text/html; charset=utf-8");
        }
    });
}

#[test]
fn forms_in_parts_are_fields_too() {
    let part = |name: &str, value: &str| {
        format!("--b\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let said = on_both(async |talk| {
        let send = |body: String| {
            let request = say("POST /api/notes?fields=title,tags");
            request.body(body + "--b--\r\n").with("content-type", "multipart/form-data; boundary=b")
        };
        talk.editor(send(part("title", "Brot & Käse") + &part("tags", "x") + &part("tags", "y"))).await;
        talk.editor(send(part("_next", "/thanks") + &part("title", "Two"))).await;
        talk.editor(send(part("photo\"; filename=\"a.png", "bytes"))).await;
        talk.editor(send(part("title", "Three") + &part("photo\"; filename=\"", ""))).await;
        talk.editor(send("--b\r\nbroken".to_owned())).await;
        talk.editor(send(part("x", "").repeat(1_200))).await;
        talk.editor(send(part("title", &"x".repeat(2 << 20)))).await;
    });
    let is_status = |line: &&str| {
        let code = line.split(' ').next().unwrap_or_default();
        code.len() == 3 && code.parse::<u16>().is_ok()
    };
    let answers: Vec<&str> = said.lines().filter(is_status).collect();
    let codes: Vec<&str> = answers.iter().map(|line| &line[..3]).collect();
    assert_eq!(codes, ["201", "303", "501", "201", "400", "400", "413"], "{answers:?}");
    has(&said, &["\"title\":\"Brot & Käse\",\"tags\":[\"x\",\"y\"]", "files are not built"]);
}

#[test]
fn a_layout_that_fails_still_leaves_a_page() {
    let file = |(path, source): (&str, &str)| PageFile { path: path.into(), source: source.into() };
    let broken = || {
        [
            ("_layout.html", "<b>{{ page.titel }}</b>{% block content %}{% endblock %}"),
            ("index.html", "{% extends \"_layout.html\" %}"),
            ("error.html", "{% extends \"_layout.html\" %}"),
        ]
        .map(file)
        .into()
    };
    let said = on_both_with(broken, async |talk| {
        talk.send(say("GET /").with("accept", "text/html")).await;
        talk.send(say("GET /nothing").with("accept", "text/html")).await;
    });
    has(
        &said,
        &[
            "> GET / \n500\n<!doctype html>",
            "<h1>Something went wrong</h1>",
            "<span class=\"code\">req_1</span>",
            "> GET /nothing \n404\n<!doctype html>",
            "<h1>There is no such page</h1>",
        ],
    );
}

#[test]
fn what_a_list_found_is_asked_for_whole() {
    let file = |(path, source): (&str, &str)| PageFile { path: path.into(), source: source.into() };
    let pages = || {
        let asks = "+++\n[all]\nlist = \"notes\"\nlimit = 500\n[same]\nlist = \"notes\"\nlimit = 500\n\
                    where = { id = \"{all.id}\" }\n[tagged]\nlist = \"notes\"\nlimit = 500\n\
                    where = { tags = \"{all.tags}\" }\n+++\n{{ all|length }} {{ same|length }} {{ tagged|length }}";
        [("all.html", asks)].map(file).into()
    };
    let said = on_both_with(pages, async |talk| {
        for number in 0..500 {
            let tags =
                if number < 300 { format!(r#", "tags": ["t{number}", "same"]"#) } else { String::new() };
            let body = format!(r#"{{"title": "Note {number}"{tags}}}"#);
            let key = say("POST /api/notes?fields=id").json(body);
            talk.editor(key).await;
        }
        talk.send(say("GET /all")).await;
    });
    assert!(said.ends_with("> GET /all \n200\n500 500 300\n\n"), "{}", &said[said.len() - 300..]);
}
