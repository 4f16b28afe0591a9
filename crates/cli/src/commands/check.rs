//! `mains check`: everything that can be wrong with a site's files, without starting it.

use std::path::Path;

use mains_language::site;

use crate::files;
use crate::site::Trouble;
use crate::talk::Talk;

/// Says what is wrong and what is worth a second look.
pub(crate) fn run(folder: &Path, talk: Talk) -> Result<(), Trouble> {
    let layers = files::layers(folder)?;
    let schema = site::load(&layers).map_err(Trouble::Written)?;
    for warning in site::warnings(&layers, &schema) {
        talk.show(&warning);
    }
    let count = schema.collections.iter().filter(|collection| !collection.is_table()).count();
    let noun = if count == 1 { "collection" } else { "collections" };
    talk.say(&format!("{count} {noun}, nothing wrong."));
    Ok(())
}
