//! Pages of a site's folder: checked, served, and taken up as they are saved.

use mains_testkit::wire::Answer;

use crate::program::{Site, refused, said, until};

const PAGE: &str = "+++\n[note]\nget = \"notes/slug={path.slug}\"\n+++\n<h1>{{ note.title }}</h1>\n";

fn text(answer: &Answer) -> String {
    String::from_utf8_lossy(&answer.body).into_owned()
}

#[test]
fn check_tells_what_is_wrong_with_pages() {
    let site = Site::new();
    site.write("pages/[slug].html", PAGE);
    let well = said(&site.run(&["check"]));
    assert!(well.contains("1 collection and 1 page, nothing wrong."), "{well}");
    for (page, parts) in [
        (
            "+++\n[a]\nlist = \"nots\"\n+++\n",
            &["pages/x.html:2", "no collection nots", "Did you mean notes?"][..],
        ),
        ("+++\n[a]\nget = \"notes/slg={path.slug}\"\n+++\n", &["pages/x.html:3", "no parameter [slug]"]),
        ("+++\n[a]\nget = \"notes/slg=x\"\n+++\n", &["notes has no field slg", "Did you mean slug?"]),
        ("+++\n[a]\nlist = \"notes\"\nsort = \"-pined\"\n+++\n", &["no field pined", "Did you mean pinned?"]),
        ("<p>\n{% if x %}\n</p>", &["pages/x.html:2", "Syntax error"]),
        ("{% extends \"_layot.html\" %}", &["There is no pages/_layot.html"]),
        ("{{ title | uper }}", &["pages/x.html:1", "There is no filter uper", "Did you mean upper?"]),
        ("+++\nlist = 1\n+++\n", &["no option list"]),
    ] {
        site.write("pages/x.html", page);
        let told = said(&site.run(&["check"]));
        assert!(parts.iter().all(|part| told.contains(part)), "{page}\n{told}");
    }
    site.write(
        "pages/x.html",
        "+++\n[a]\nlist = \"notes\"\nsort = \"title\"\n+++\n{{ a.itms }}{{ querry.x }}",
    );
    let told = said(&site.run(&["check"]));
    for part in [
        "declare an index in collections/notes.toml",
        "[\"title\"]",
        "A list has no itms",
        "Did you mean query?",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    site.write("pages/y.html", "{% if %}");
    refused(&site.run(&["serve"]));
}

#[test]
fn dev_takes_up_pages_and_shows_their_mistakes() {
    let site = Site::new();
    site.write("pages/notes/[slug].html", PAGE);
    let mut dev = site.start(&["dev"]);
    dev.wait_for("taken up as they are saved");
    assert!(text(&dev.get("/notes/hello")).contains("<h1>Hello</h1>"));
    site.write("pages/notes/[slug].html", &PAGE.replace("h1", "h2"));
    until("the page is taken up", || text(&dev.get("/notes/hello")).contains("<h2>Hello</h2>"));
    site.write("pages/notes/[slug].html", &PAGE.replace("</h1>", "</h1>{% if %}"));
    dev.wait_for("The pages stay as they were");
    assert!(text(&dev.get("/notes/hello")).contains("<h2>Hello</h2>"));
    site.write("pages/notes/[slug].html", &PAGE.replace("note.title", "note.titel"));
    until("the mistake is shown", || {
        // The header stands where the path ends, behind a version of its own.
        let shown = text(&dev.get("/notes/hello HTTP/1.1\r\naccept: text/html\r\nx-rest:"));
        let parts =
            ["pages/notes/[slug].html:5", "There is no titel here", "Did you mean title?", "note.titel"];
        parts.iter().all(|part| shown.contains(part))
    });
}
