//! What only ready-made apps may say: commands, and how they are refused.

use super::*;
use crate::schema::{Answers, CommandsOnly, On, Replay};

const NOTES: &str = "prefix = \"note\"\narea = \"notes\"\nfacts = true\n\
    [fields.title]\ntype = \"text\"\n";

fn app(source: &str) -> Result<Schema, Vec<Diagnostic>> {
    let notes = format!("{NOTES}{source}");
    load(&[layer(Owner::App("notes".into()), &[("collections/notes.toml", &notes)])])
}

fn said(source: &str) -> Vec<String> {
    let Err(found) = app(source) else { panic!("this loads: {source}") };
    words(&found)
        .into_iter()
        .map(|line| line.trim_start_matches("collections/notes.toml:").to_owned())
        .collect()
}

#[test]
fn a_command_says_all_of_itself() {
    let schema = app(
        "[commands.sign_up]\non = \"collection\"\nallow = '!auth.signed_in'\ntakes = true\nlimits = \"10/1h\"\nreplay = false\n\
         [commands.sign_up.input.email]\ntype = \"email\"\nrequired = true\n\
         [commands.sign_up.input.password]\ntype = \"text\"\nmin = 8\nsecret = true\n\
         [commands.sign_up.input.tags]\ntype = \"text\"\nmany = true\nmax_items = 3\n\
         [commands.hide]\nallow = 'title == null'\nstaff = \"notes\"\nanswers = \"notes\"\nreplay = \"required\"\n",
    )
    .unwrap();
    let notes = of(&schema, "notes");
    assert!(notes.facts && !notes.guests);
    let sign_up = notes.command("sign_up").unwrap();
    assert_eq!((sign_up.on, sign_up.takes, sign_up.replay), (On::Collection, true, Replay::Never));
    assert_eq!((sign_up.answers, sign_up.staff.as_deref()), (Answers::Nothing, None));
    assert_eq!(sign_up.limits.map(|rate| (rate.count, rate.window.as_secs())), Some((10, 3_600)));
    assert_eq!(sign_up.address(), "sign-up");
    let password = sign_up.argument("password").unwrap();
    assert!(password.secret && !password.field.required);
    assert_eq!(sign_up.place("password"), Some(password.field.id));
    assert!(matches!(password.field.kind, FieldKind::Text { min: Some(8), max: 5000, .. }));
    assert!(sign_up.argument("email").unwrap().field.required);
    assert_eq!(sign_up.argument("tags").unwrap().field.many.unwrap().max_items, 3);
    let hide = notes.command("hide").unwrap();
    assert_eq!(
        (hide.on, hide.answers, hide.replay),
        (On::Record, Answers::Record(notes.id), Replay::Required)
    );
    assert_eq!(hide.staff.as_deref(), Some("notes"));
}

#[test]
fn what_only_commands_do_is_closed_for_rules_too() {
    let schema = app("[fields.size]\ntype = \"integer\"\n").unwrap();
    assert_eq!(of(&schema, "notes").commands_only, CommandsOnly::default());
    let only = "commands_only = [\"create\", \"delete\", \"title\"]\n";
    let load_with = |site: &str| {
        let notes = format!("{only}{NOTES}[fields.size]\ntype = \"integer\"\n");
        let app = layer(Owner::App("notes".into()), &[("collections/notes.toml", &notes)]);
        let site = format!("extends = \"notes\"\n{site}");
        load(&[app, layer(Owner::Site, &[("collections/notes.toml", &site)])])
    };
    let schema = load_with("[fields.color]\ntype = \"text\"\n").unwrap();
    let notes = of(&schema, "notes");
    let title = notes.find("title").unwrap();
    let expected = CommandsOnly { create: true, update: false, delete: true, fields: vec![title.id] };
    assert_eq!(notes.commands_only, expected);
    let write = title.write.as_ref().and_then(|rule| rule.as_constant());
    assert_eq!(write, Some(&mains_base::Value::Bool(false)));
    assert!(notes.find("size").unwrap().write.is_none());
    let Err(found) =
        load_with("[fields.about]\ntype = \"relation\"\nto = \"notes\"\non_delete = \"cascade\"\n")
    else {
        panic!("this loads")
    };
    assert_eq!(
        words(&found),
        [
            "collections/notes.toml:5: Only commands delete notes, so none goes with another record. Say on_delete = \"clear\"."
        ]
    );
}

#[test]
fn lists_of_what_only_commands_do_that_are_refused() {
    let said = |top: &str, rest: &str| {
        let notes = format!("{top}\n{NOTES}{rest}");
        let Err(found) = load(&[layer(Owner::App("notes".into()), &[("collections/notes.toml", &notes)])])
        else {
            panic!("this loads: {notes}")
        };
        words(&found).join(" ").replace("collections/notes.toml:", "")
    };
    for (top, rest, expected) in [
        (
            "commands_only = [\"titel\"]",
            "",
            "1: `titel` is neither create, update nor delete, nor a stored field. Did you mean \"title\"?",
        ),
        ("commands_only = [\"id\"]", "", "1: `id` is neither create, update nor delete, nor a stored field."),
        (
            "commands_only = [\"delete\"]",
            "[rules]\ndelete = 'true'\n",
            "8: Only commands delete here, so no rule is asked. Leave the rule out.",
        ),
        (
            "commands_only = [\"title\"]",
            "write = 'true'\n",
            "7: Only commands change this, so no rule is asked. Leave the rule out.",
        ),
    ] {
        assert_eq!(said(top, rest), expected, "{top}");
    }
}

#[test]
fn commands_that_are_refused() {
    for (source, expected) in [
        (
            "[commands.hide]\n",
            "6: Nobody may hide. Say allow = 'id == auth.id' or the like, or staff = \"orders\".",
        ),
        (
            "[commands.hide]\nstaff = \"notes\"\nalow = 'true'\n",
            "8: There is no `alow` in a command. Did you mean `allow`?",
        ),
        (
            "[commands.hide]\non = \"collection\"\nallow = 'title == null'\n",
            "8: This command is on the collection, so there is no record to ask about. Ask `auth` alone, or leave out on = \"collection\".",
        ),
        (
            "[commands.hide]\non = \"row\"\nallow = 'true'\n",
            "7: A command is on \"collection\" or on \"record\".",
        ),
        (
            "[commands.hide]\nallow = 'true'\nanswers = \"note\"\n",
            "8: There is no collection `note` to answer with. Did you mean \"notes\"?",
        ),
        (
            "[commands.hide]\nallow = 'true'\nlimits = \"ten\"\n",
            "8: A limit is so many times in so long. Write \"10/1h\", or with s, m or d.",
        ),
        (
            "[commands.hide]\nallow = 'true'\nreplay = \"never\"\n",
            "8: Say replay = \"required\", or false where an answer is told once.",
        ),
        (
            "[commands.me]\nallow = 'true'\n",
            "6: `me` is an address of every collection; choose another name.",
        ),
        (
            "[commands.hide]\nallow = 'true'\n[commands.hide.input.why]\nmax = 3\n",
            "8: This input has no type. Say type = \"text\" or the like.",
        ),
        (
            "[commands.hide]\nallow = 'true'\n[commands.hide.input.why]\ntype = \"text\"\nunique = true\n",
            "10: There is no `unique` in an input.",
        ),
        (
            "[commands.hide]\nallow = 'true'\n[commands.hide.input.why]\ntype = \"slug\"\n",
            "9: A slug cannot be sent to a command. Use text.",
        ),
        (
            "[commands.hide]\nallow = 'true'\nreplay = false\n[commands.hide.input.why]\ntype = \"integer\"\nsecret = true\n",
            "11: Only text can be secret. Leave `secret` out, or use text.",
        ),
        (
            "[commands.hide]\nallow = 'true'\n[commands.hide.input.why]\ntype = \"text\"\nsecret = true\n",
            "6: An Idempotency-Key would store a hash of what hide is sent, of the secret `why` too. Say replay = false.",
        ),
        (
            "[commands.hide]\nallow = 'true'\nreplay = \"required\"\n[commands.hide.input.why]\ntype = \"text\"\nsecret = true\n",
            "6: An Idempotency-Key would store a hash of what hide is sent, of the secret `why` too. Say replay = false.",
        ),
        (
            "[queries.near]\nallow = 'true'\n",
            "6: Queries are not built yet, so nobody could ask `near`. Leave it out; records are asked for with a filter.",
        ),
    ] {
        assert_eq!(said(source), [expected], "{source}");
    }
}

#[test]
fn a_site_cannot_say_what_apps_may() {
    let found =
        notes("facts = true\ncommands_only = [\"create\"]\n[commands.hide]\nallow = 'true'\n[queries.hide]\nallow = 'true'\n").unwrap_err();
    assert_eq!(
        words(&found),
        [
            "collections/notes.toml:2: Only ready-made apps may say `facts`. Leave it out.",
            "collections/notes.toml:4: Only ready-made apps may say `commands`. Leave it out.",
            "collections/notes.toml:3: Only ready-made apps may say `commands_only`. Leave it out.",
            "collections/notes.toml:6: Only ready-made apps may say `queries`. Leave it out.",
        ]
    );
}

#[test]
fn what_a_site_adds_is_sent_beside_the_input() {
    let base = "[commands.make]\non = \"collection\"\nallow = 'true'\ntakes = true\n\
        [commands.make.input.title]\ntype = \"text\"\n[commands.make.input.code]\ntype = \"text\"\n";
    let app = layer(Owner::App("notes".into()), &[("collections/notes.toml", &format!("{NOTES}{base}"))]);
    let site = "extends = \"notes\"\n[fields.code]\ntype = \"text\"\n[fields.color]\ntype = \"text\"\n";
    let site = layer(Owner::Site, &[("collections/notes.toml", site)]);
    let Err(found) = load(&[app, site]) else { panic!("this loads") };
    assert_eq!(
        words(&found),
        ["collections/notes.toml:2: The command make is sent a `code` of its own. Choose another name."]
    );
}
