//! Pages that are asked where to go on, and told an address of another site.

use super::on_both;

#[test]
fn a_way_in_is_not_blocked_by_where_it_would_lead() {
    on_both(async |world| {
        world.account("ines@corner.example").await;
        for (next, leads) in [
            ("https%3A%2F%2Fevil.example", "/account"),
            ("%2F%2Fevil.example", "/account"),
            ("%2F%5Cevil.example", "/account"),
            ("javascript%3Aalert(1)", "/account"),
            ("", "/account"),
            ("%2Faccount%2Fsessions%3Fa%3D1", "/account/sessions?a=1"),
        ] {
            let mut browser = world.browser();
            let page = browser.get(&format!("/sign-in?next={next}")).await;
            assert_eq!(page.status, 200);
            let hidden = format!("name=\"_next\" value=\"{leads}\"");
            assert!(page.body.contains(&hidden), "{next}: {}", page.body);
        }
    });
}
