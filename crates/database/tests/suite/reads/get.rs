//! One record by its address.

use mains_base::{Caller, Kind, Value};

use super::lists::fill;
use super::{Site, account, id, on_both};

async fn missing(site: &Site, caller: &Caller, address: &str) {
    assert_eq!(site.get(caller, address).await.expect_err(address).kind(), Kind::NotFound, "{address}");
}

fn address(site: &Site, name: &str, number: u8) -> String {
    format!("{name}/{}", id(number).text(site.db.schema.find(name).unwrap().prefix.as_ref().unwrap()))
}

#[test]
fn by_id_and_by_any_unique_index() {
    on_both(async |site| {
        fill(&site).await;
        let visitor = Caller::visitor();
        let by_id = site.get(&visitor, &address(&site, "articles", 11)).await.unwrap();
        assert_eq!(by_id.version, 1);
        let text = String::from_utf8(by_id.body.to_vec()).unwrap();
        assert!(text.contains("\"title\":\"One\"") && text.contains("\"tags\":[\"red\",\"blue\"]"), "{text}");
        assert!(!text.contains("secret") && !text.contains("note"), "{text}");
        assert_eq!(site.get(&visitor, "articles/slug=s11").await.unwrap(), by_id);
        assert_eq!(site.get(&visitor, "articles/slug=s%311").await.unwrap(), by_id);
        let ada = account(1);
        let own = site.get(&ada, "articles/author=me,nick=NICK11?fields=note").await.unwrap();
        let article = address(&site, "articles", 11).replace("articles/", "");
        assert_eq!(own.body, format!("{{\"id\":\"{article}\",\"note\":\"note 11\"}}"));
        let turned = site.get(&ada, "articles/nick=nick11,author=me?fields=note").await.unwrap();
        assert_eq!(turned, own);
        let me = site.get(&ada, "accounts/me?fields=name,email").await.unwrap();
        assert!(String::from_utf8_lossy(&me.body).contains("\"email\":\"Ada@Example.org\""));
    });
}

#[test]
fn what_is_not_there_or_not_yours_is_404() {
    on_both(async |site| {
        fill(&site).await;
        let visitor = Caller::visitor();
        missing(&site, &visitor, &address(&site, "articles", 99)).await;
        missing(&site, &visitor, &address(&site, "articles", 13)).await;
        missing(&site, &account(1), "articles/slug=s13").await;
        assert!(site.get(&account(2), "articles/slug=s13").await.is_ok());
        for other in ["articles/me", "articles/x", "articles/slug=", "accounts/me", "secrets/x"] {
            missing(&site, &visitor, other).await;
        }
        let account = address(&site, "accounts", 1).replace("accounts/", "articles/");
        missing(&site, &visitor, &account).await;
        site.store("secrets", 31, &[("text", "x".into())]).await;
        missing(&site, &account_of(&site), &address(&site, "secrets", 31)).await;
        assert!(site.get(&Caller::system(), &address(&site, "secrets", 31)).await.is_ok());
    });
}

fn account_of(_site: &Site) -> Caller {
    account(1)
}

#[test]
fn an_address_is_no_oracle() {
    on_both(async |site| {
        fill(&site).await;
        // The e-mail is there, and nobody but its owner may read it.
        missing(&site, &Caller::visitor(), "accounts/email=ada@example.org").await;
        missing(&site, &account(2), "accounts/email=ada@example.org").await;
        assert!(site.get(&account(1), "accounts/email=ada@example.org").await.is_ok());
        // Hidden fields name no address.
        let error = site.get(&Caller::system(), "accounts/secret=secret 1").await.unwrap_err();
        assert_eq!(error.code(), "query.address");
    });
}

#[test]
fn addresses_that_are_none_are_refused() {
    on_both(async |site| {
        fill(&site).await;
        for bad in [
            "articles/title=One",
            "articles/slug=a,slug=b",
            "articles/slug=a,",
            "articles/nick=x",
            "articles/slug=%zz",
            "articles/slug=%ff",
            "articles/id=x",
        ] {
            let error = site.get(&Caller::system(), bad).await.expect_err(bad);
            assert_eq!(error.code(), "query.address", "{bad}");
        }
    });
}

#[test]
fn values_may_hold_what_divides_an_address() {
    on_both(async |site| {
        let cells = [("name", "Eve".into()), ("email", Value::from("a,b=c%@example.org"))];
        site.store("accounts", 5, &cells).await;
        let found =
            site.get(&account(5), "accounts/email=a%2Cb%3Dc%25@example.org?fields=name").await.unwrap();
        assert!(String::from_utf8_lossy(&found.body).ends_with("\"name\":\"Eve\"}"));
    });
}
