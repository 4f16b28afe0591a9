//! The pages that Mains brings: a layout, the pages of failures. A site's own of the same name take their place.

use super::PageFile;
use super::set::LAYOUT;

/// The page of a failure when the site has none.
pub(super) const ERROR: &str = "mains/error.html";
/// The same when even that fails, as it does with a layout that fails: it stands alone.
pub(super) const PLAIN: &str = "mains/plain.html";
/// The page of a template's mistake, in development.
pub(super) const MISTAKE: &str = "mains/mistake.html";
/// What all of them look like.
pub(crate) const STYLE: &str = concat!(
    include_str!("builtin/tokens.css"),
    include_str!("builtin/text.css"),
    include_str!("builtin/fields.css"),
    include_str!("builtin/account.css"),
);

/// The lowest layer.
pub(super) fn files() -> Vec<PageFile> {
    let file = |path: &str, source: &str| PageFile { path: path.to_owned(), source: source.to_owned() };
    vec![
        file(LAYOUT, include_str!("builtin/layout.html")),
        file(ERROR, include_str!("builtin/error.html")),
        file(PLAIN, include_str!("builtin/plain.html")),
        file(MISTAKE, include_str!("builtin/mistake.html")),
    ]
}
