//! What is refused, as `line: sentence`; the file begins with its prefix on line 1.

use super::*;

fn all(cases: &[(&str, &[&str])]) {
    for (source, expected) in cases {
        let lines: Vec<String> = refused(source)
            .into_iter()
            .map(|line| line.trim_start_matches("collections/notes.toml:").to_owned())
            .collect();
        assert_eq!(lines, *expected, "{source}");
    }
}

#[test]
fn names_and_types() {
    all(&[
        ("[fields.title]\ntype = \"txt\"\n", &["3: There is no type \"txt\". Did you mean \"text\"?"]),
        ("titel = 1\n", &["2: There is no `titel` at the top of a collection."]),
        (
            "[fields.title]\nmax = 3\n",
            &["2: This field has no type. Say type = \"text\" or the like, or computed = '…'."],
        ),
        (
            "[fields.now]\ntype = \"text\"\n",
            &["2: `now` is a word of the expression language; choose another name."],
        ),
        ("[fields.id]\ntype = \"text\"\n", &["2: Every record has `id` already; choose another name."]),
        (
            "[fields.Title]\ntype = \"text\"\n",
            &["2: `Title` is no name: use small letters, digits and single `_`, beginning with a letter."],
        ),
        (
            "[fields.a__b]\ntype = \"text\"\n",
            &["2: `a__b` has two `_` in a row, which Mains keeps for itself; leave one out."],
        ),
        (
            "[fields.xmin]\ntype = \"integer\"\n[fields.oid]\ntype = \"text\"\n",
            &["2: PostgreSQL has `xmin` in every table by itself; choose another name."],
        ),
        ("fields = 3\n", &["2: This is a table; write its keys in a section of its own."]),
        ("[fields.title\n", &["2: This is no TOML: unclosed table, expected `]`."]),
    ]);
}

#[test]
fn a_label_says_something() {
    all(&[(
        "[fields.title]\ntype = \"text\"\nlabel = \" \"\n",
        &[
            "4: A label is one line of 1 to 100 characters. Say what people call the field, such as label = \"User name\".",
        ],
    )]);
}

#[test]
fn options_of_types() {
    all(&[
        (
            "[fields.title]\ntype = \"text\"\nscale = 2\n",
            &["4: `scale` is an option of decimal, and this is text. Leave it out."],
        ),
        (
            "[fields.price]\ntype = \"decimal\"\n",
            &[
                "2: A decimal says how many digits stand after its point. Say scale = 2, for instance; 0 to 9 digits.",
            ],
        ),
        (
            "[fields.state]\ntype = \"enum\"\n",
            &["2: An enum says its `values`. Write values = [\"todo\", \"done\"]."],
        ),
        (
            "[fields.state]\ntype = \"enum\"\nvalues = [\"a\", \"a\", \"B\"]\n",
            &[
                "4: \"a\" stands here twice. Leave one out.",
                "4: A value of an enum has small letters, digits and `_`. Write \"in_progress\" or the like.",
            ],
        ),
        (
            "[fields.person]\ntype = \"relation\"\n",
            &["2: A relation says which collection it points at. Write to = \"articles\" or the like."],
        ),
        (
            "[fields.person]\ntype = \"relation\"\nto = \"peple\"\n",
            &["4: There is no collection `peple`. Did you mean \"people\"?"],
        ),
        (
            "[fields.person]\ntype = \"relation\"\nto = \"people\"\nrequired = true\non_delete = \"clear\"\n",
            &["6: What is required cannot be cleared. Say \"cascade\" or \"restrict\"."],
        ),
        (
            "[fields.person]\ntype = \"relation\"\nto = \"people\"\ninverse = \"name\"\n",
            &["5: people has a field `name` already. Choose another name."],
        ),
        (
            "[fields.on]\ntype = \"bool\"\nrequired = true\n",
            &["4: A bool is never null, so `required` says nothing. Leave it out."],
        ),
        ("[fields.title]\ntype = \"text\"\nmin = 9\nmax = 3\n", &["4: `min` is more than `max`. Swap them."]),
        ("[fields.n]\ntype = \"number\"\nmin = 1.5\nmax = 1\n", &["4: `min` is more than `max`. Swap them."]),
        (
            "[fields.title]\ntype = \"text\"\npattern = '('\n",
            &["4: This regular expression is refused: unclosed group. Patterns are in RE2 syntax."],
        ),
        (
            "[fields.title]\ntype = \"text\"\nmax_items = 3\n",
            &["4: `max_items` is for lists. Say many = true besides."],
        ),
        (
            "[fields.on]\ntype = \"bool\"\nmany = true\n",
            &["4: There are no lists of bool. Leave out `many`."],
        ),
        (
            "[fields.tags]\ntype = \"text\"\nmany = true\nindex = true\nunique = true\ndefault = { expr = 'auth.roles' }\n",
            &[
                "6: A list has no `unique`. Leave it out.",
                "7: The default of a list is said as it stands. Write default = [\"one\", \"two\"].",
            ],
        ),
        ("[fields.blob]\ntype = \"bytes\"\n", &["3: Only private tables hold bytes. Use text."]),
        ("[fields.x]\ntype = \"json\"\nunique = true\n", &["4: There is no index on json. Leave it out."]),
    ]);
}

#[test]
fn values_and_expressions_of_fields() {
    all(&[
        (
            "[fields.state]\ntype = \"enum\"\nvalues = [\"a\"]\ndefault = \"b\"\n",
            &["5: This does not fit the field: Choose one of: a."],
        ),
        (
            "[fields.state]\ntype = \"enum\"\nvalues = [\"open\", \"done\"]\ndefault = \"open\"\n[fields.state.transitions]\n\"open -> dnoe\" = 'true'\n\"new -> done\" = 'true'\n",
            &[
                "7: `dnoe` is none of the values. Did you mean `done`?",
                "6: The default `open` is no allowed first value. Add \"new -> open\" = 'true', or choose another default.",
            ],
        ),
        (
            "[fields.n]\ntype = \"integer\"\ndefault = \"x\"\n",
            &["4: This does not fit the field: Send a whole number, such as 3."],
        ),
        (
            "[fields.n]\ntype = \"integer\"\nmax = 3\ndefault = 4\n",
            &["5: This does not fit the field: The most here is 3."],
        ),
        ("[fields.n]\ntype = \"integer\"\non_create = '\"x\"'\n", &["4: This is string, and int is wanted."]),
        (
            "[fields.n]\ntype = \"integer\"\non_write = '1'\nimmutable = true\ndefault = 2\n",
            &[
                "5: What is set at every write changes. Say `on_create` instead.",
                "6: The server sets this field, so there is no default. Leave it out.",
            ],
        ),
        (
            "[fields.n]\ncomputed = '1 + 1'\nrequired = true\nindex = true\n",
            &[
                "4: A computed field is read only and never stored, so `required` means nothing here. Leave it out.",
                "5: What is never stored has no index. Leave it out.",
            ],
        ),
        (
            "[fields.p]\ntype = \"money\"\n[fields.j]\ntype = \"json\"\n[fields.a]\ncomputed = 'p'\n[fields.b]\ncomputed = 'a == null'\n\
             [fields.c]\ncomputed = 'j'\n[fields.d]\ncomputed = 'null'\n[fields.e]\ncomputed = 'p.amount'\ncurrency = \"EUR\"\n",
            &[
                "16: `currency` beside `computed` is not there yet: it comes with a later release. Leave it out for now: the field then gives minor units, a whole number.",
                "7: A computed field cannot be money. Say its `.amount`: minor units, a whole number.",
                "11: A computed field cannot be json. Show the field itself.",
                "13: A computed field cannot be null. Say a value.",
            ],
        ),
        (
            "[fields.x]\ntype = \"text\"\npersonal = \"author\"\n",
            &["4: This site has no accounts, so nothing is personal. Leave it out."],
        ),
    ]);
}

#[test]
fn the_whole_collection() {
    all(&[
        (
            "area = \"notes\"\nreplaceable = [\"read\"]\n[bounds]\nread = 'true'\n",
            &[
                "2: Only ready-made apps may say `area`. Leave it out.",
                "3: Only ready-made apps may say `replaceable`. Leave it out.",
                "4: Only ready-made apps may say `bounds`. Leave it out.",
            ],
        ),
        (
            "guests = true\n",
            &[
                "2: This site has no accounts, so a visitor cannot become a guest. Enable the app accounts, or leave this out.",
            ],
        ),
        ("key = [\"id\"]\n", &["2: Only private tables have a `key`; a collection has ids. Leave it out."]),
        (
            "append_only = true\n[rules]\nupdate = 'true'\nwrite = 'true'\n",
            &[
                "5: There is no `write` among the rules.",
                "4: What is append_only is never updated. Leave out the rule, or `append_only`.",
            ],
        ),
        (
            "[rules]\nread = 'auth.id != null'\n",
            &[
                "3: This site has no accounts, so there is no account to ask about. Declare a collection `accounts`, or use `auth.signed_in`, `auth.staff`, `auth.roles`.",
            ],
        ),
        (
            "[rules]\nread = 'old == null'\n",
            &[
                "3: `old` means nothing here: there is no change, only the record. It stands in update and write rules, checks, transitions and `on_write`.",
            ],
        ),
        (
            "[[checks]]\nexpr = '1 == 1'\n",
            &["2: A check says its message. Write message = \"…\" for those who meet it."],
        ),
        (
            "[fields.p]\ntype = \"relation\"\nto = \"people\"\ninverse = \"notes\"\nrequired = true\n[[checks]]\nexpr = 'p.notes.size() < 3'\nmessage = \"Three at most.\"\nfield = \"q\"\n",
            &[
                "10: There is no field `q` in notes. Did you mean \"p\"?",
                "8: A check may not look at a set of notes itself: two writers would pass each other. Say it with a unique index, or a sequence.",
            ],
        ),
        (
            "[[indexes]]\nfields = [\"titel\"]\nmessage = \"x\"\n[fields.title]\ntype = \"text\"\n",
            &["3: There is no field `titel` in notes. Did you mean \"title\"?"],
        ),
        (
            "[fields.tags]\ntype = \"text\"\nmany = true\n[[indexes]]\nfields = [\"tags\"]\n",
            &["6: `tags` cannot be in an index: a list has an index by itself."],
        ),
        (
            "[[indexes]]\nunique = true\n",
            &["2: An index says its `fields`. Write fields = [\"title\"] or the like."],
        ),
    ]);
}

#[test]
fn names_that_a_database_keeps_for_itself() {
    for (name, problem) in [
        ("sqlite_notes", "The databases have `sqlite_notes` for themselves; choose another name."),
        ("pg_class", "The databases have `pg_class` for themselves; choose another name."),
        ("notes_pkey", "The databases have `notes_pkey` for themselves; choose another name."),
        ("rarray", "The databases have `rarray` for themselves; choose another name."),
    ] {
        let path = format!("collections/{name}.toml");
        let layers = [layer(Owner::Site, &[(&path, "prefix = \"x\"\n")])];
        assert_eq!(words(&load(&layers).unwrap_err()), [format!("{path}:1: {problem}")]);
    }
}

#[test]
fn a_least_length_of_nothing_and_a_default_of_a_list_are_taken() {
    let schema = notes(
        "[fields.title]\ntype = \"text\"\nmin = 0\n\
         [fields.tags]\ntype = \"text\"\nmany = true\ndefault = [\"new\", \"open\"]\n",
    )
    .unwrap();
    let notes = of(&schema, "notes");
    assert!(matches!(notes.find("title").unwrap().kind, FieldKind::Text { min: None, .. }));
    let default = format!("{:?}", notes.find("tags").unwrap().default);
    assert_eq!(default, "Some(Literal(List([Text(\"new\"), Text(\"open\")])))");
}

#[test]
fn names_of_before() {
    let field = |name: &str, was: &str| format!("[fields.{name}]\ntype = \"text\"\nwas = \"{was}\"\n");
    let swap = field("a", "b") + &field("b", "a");
    let heirs = field("a", "c") + &field("b", "c");
    let chain = field("a", "b") + &field("b", "c");
    all(&[
        (
            &swap,
            &[
                "4: `a` and what it was change places, which nobody can tell from before. Rename in two steps: to a name that is free, migrate, then on.",
                "7: `b` and what it was change places, which nobody can tell from before. Rename in two steps: to a name that is free, migrate, then on.",
            ],
        ),
        (&heirs, &["7: `a` goes on with what was `c` already. Leave this `was` out."]),
    ]);
    assert!(notes(&chain).is_ok());
}
