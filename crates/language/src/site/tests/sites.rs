//! Whole sites, and layers over each other.

use super::*;
use std::sync::Arc;

use mains_base::{Caller, Uuid};

use crate::expression::{Node, Tree};

fn accounts() -> Layer {
    folder(Owner::App("accounts".into()), "accounts")
}

#[test]
fn conduit_and_tracker_load() {
    for (name, collections, tables) in [("conduit", 6, 2), ("tracker", 14, 2)] {
        let layers = [accounts(), folder(Owner::Site, name)];
        let schema = loaded(&layers);
        let count = schema.collections.iter().filter(|collection| collection.is_table()).count();
        assert_eq!((schema.collections.len() - count, count), (collections, tables), "{name}");
        assert_eq!(warnings(&layers, &schema), Vec::new());
    }
}

#[test]
fn what_the_sites_say_and_is_not_there_yet() {
    let later = |source: &str| -> Vec<String> {
        refused(source).into_iter().map(|line| line.split(": ").nth(1).unwrap().to_owned()).collect()
    };
    let collection = "history = true\n[fields.n]\ncomputed = '1 + 1'\nstored = true\nindex = true\n\
        [search]\nfields = [\"body\"]\n[limits]\ncreate = \"20/1h\"\n[[no_overlap]]\nof = [\"a\", \"b\"]\n\
        [[effects]]\non = \"create\"\n[fields.p]\ntype = \"relation\"\nto = \"people\"\nlink = 'true'\n";
    assert_eq!(
        later(collection),
        [
            "`no_overlap` is not there yet",
            "`effects` is not there yet",
            "`search` is not there yet",
            "`limits` is not there yet",
            "`history` is not there yet",
            "`stored` is not there yet",
            "`link` is not there yet",
        ]
    );
    assert_eq!(
        refused(
            "[fields.x]\ntype = \"file\"\nmany = true\nsizes = [\"300x200\"]\n[fields.y]\ntype = \"point\"\n"
        ),
        [
            "collections/notes.toml:3: `type = \"file\"` is not there yet: it comes with a later release. Leave the field out for now.",
            "collections/notes.toml:7: `type = \"point\"` is not there yet: it comes with a later release. Leave the field out for now.",
        ]
    );
}

#[test]
fn a_site_narrows_an_app_and_replaces_what_it_may() {
    let site = "extends = \"accounts\"\n\
        [fields.nick]\ntype = \"text\"\nrequired = true\n\
        [fields.shown]\ntype = \"text\"\nread = 'true'\n\
        [rules]\nread = 'true'\nupdate = 'name != null'\n";
    let schema = loaded(&[accounts(), layer(Owner::Site, &[("collections/accounts.toml", site)])]);
    let accounts = of(&schema, "accounts");
    assert_eq!(accounts.rules.read.as_ref().unwrap().as_constant(), Some(&true.into()));
    let Node::And(parts) = &accounts.rules.update.as_ref().unwrap().node else { panic!("not joined") };
    assert_eq!(parts.len(), 2);
    assert!(matches!(parts[0].node, Node::Or(_)), "the right stands over the app's part alone");
    assert!(accounts.narrowed);
    let of = |right: &str| Caller { rights: vec![right.into()], ..Caller::account(Uuid::v4([1; 16])) };
    assert!(accounts.binds(&of("accounts")), "by what the site says");
    assert!(!accounts.binds(&Caller { staff: true, ..Caller::visitor() }));
    let (nick, shown) = (accounts.find("nick").unwrap(), accounts.find("shown").unwrap());
    let closed = |rule: &Option<Arc<Tree>>| {
        let Node::Or(parts) = &rule.as_ref().unwrap().node else { panic!("the right is not there") };
        parts[0].as_constant() == Some(&false.into())
    };
    assert!(closed(&nick.read) && closed(&shown.write));
    assert_eq!(shown.read.as_ref().unwrap().as_constant(), Some(&true.into()));
    assert!(!nick.required && nick.wanted, "old accounts have no nick");
    assert!(accounts.random_ids);
    assert_eq!(accounts.area, "accounts");
}

#[test]
fn a_site_that_only_adds_leaves_the_rules_alone() {
    let site = "extends = \"accounts\"\n[fields.nick]\ntype = \"text\"\n[rules]\nread = 'true'\n";
    let schema = loaded(&[accounts(), layer(Owner::Site, &[("collections/accounts.toml", site)])]);
    let accounts = of(&schema, "accounts");
    let staff = Caller { rights: vec!["accounts".into()], ..Caller::account(Uuid::v4([1; 16])) };
    assert!(!accounts.narrowed && !accounts.binds(&staff));
    assert_eq!(accounts.find("nick").unwrap().read.as_ref().unwrap().as_constant(), Some(&false.into()));
}

#[test]
fn what_a_site_puts_in_the_place_of_a_rule_stays_within_the_bounds() {
    let app = "prefix = \"one\"\nreplaceable = [\"read\"]\n[fields.open]\ntype = \"bool\"\n\
        [bounds]\nread = 'open'\n[rules]\nread = 'false'\n";
    let base = || layer(Owner::App("ones".into()), &[("collections/ones.toml", app)]);
    let own = loaded(&[base()]);
    assert_eq!(of(&own, "ones").rules.read.as_ref().unwrap().as_constant(), Some(&false.into()));
    let site =
        layer(Owner::Site, &[("collections/ones.toml", "extends = \"ones\"\n[rules]\nread = 'true'\n")]);
    let replaced = loaded(&[base(), site]);
    let Node::And(parts) = &of(&replaced, "ones").rules.read.as_ref().unwrap().node else {
        panic!("unbound")
    };
    assert_eq!(parts[1].as_constant(), Some(&true.into()));
}

#[test]
fn what_a_site_adds_to_accounts_is_asked_whose_it_is() {
    let site = "extends = \"accounts\"\n[fields.nick]\ntype = \"text\"\n\
        [fields.own]\ntype = \"url\"\npersonal = \"id\"\n[fields.plan]\ntype = \"text\"\npersonal = false\n\
        [fields.stars]\ntype = \"integer\"\n";
    let layers = [accounts(), layer(Owner::Site, &[("collections/accounts.toml", site)])];
    let schema = loaded(&layers);
    assert_eq!(
        words(&warnings(&layers, &schema)),
        [
            "collections/accounts.toml:2: Erasing an account leaves its `nick`. Write personal = \"id\", or personal = false where it tells nothing of anybody."
        ]
    );
    let personal = |name: &str| of(&schema, "accounts").find(name).unwrap().personal.is_some();
    assert!(personal("own") && !personal("plan"));
}

#[test]
fn layers_that_do_not_fit() {
    let said = |path: &str, source: &str| match load(&[accounts(), layer(Owner::Site, &[(path, source)])]) {
        Ok(_) => panic!("this loads: {source}"),
        Err(found) => words(&found),
    };
    assert_eq!(
        said("collections/accounts.toml", "prefix = \"user\"\n"),
        [
            "collections/accounts.toml:1: The app accounts has a collection `accounts` already. Write extends = \"accounts\" to add to it, or choose another name."
        ]
    );
    assert_eq!(
        said("collections/accounts.toml", "extends = \"accounts\"\n[fields.phone]\ntype = \"text\"\n"),
        ["collections/accounts.toml:2: A later release may add `phone` to accounts; choose another name."]
    );
    assert_eq!(
        said("collections/accounts.toml", "extends = \"accounts\"\n[rules]\ndelete = 'true'\n"),
        [
            "collections/accounts.toml:3: The app lets nobody delete here, and a site can only narrow that. Leave the rule out."
        ]
    );
    assert_eq!(
        said("collections/orders.toml", "extends = \"orders\"\n"),
        [
            "collections/orders.toml:1: There is no ready-made collection `orders` to extend. Enable the app that has it, or leave out `extends` and give a `prefix`."
        ]
    );
    assert_eq!(
        said("tables/secrets.toml", "key = [\"a\"]\n[fields.a]\ntype = \"text\"\nrequired = true\n"),
        ["tables/secrets.toml:1: Private tables are for ready-made apps; declare a collection instead."]
    );
    assert_eq!(
        said("collections/users.toml", "prefix = \"account\"\n"),
        [
            "collections/users.toml:1: The ids of accounts begin with `account_` already. Choose another prefix."
        ]
    );
}

#[test]
fn the_examples_load() {
    let app = folder(Owner::App("accounts".to_owned()), "../../../apps/src/accounts");
    for (name, mut layers) in [("corner-shop", vec![app]), ("packages", Vec::new())] {
        layers.push(folder(Owner::Site, &format!("../../../../examples/{name}")));
        let schema = loaded(&layers);
        assert!(schema.collections.len() >= 3, "{name}");
    }
}
