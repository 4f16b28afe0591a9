//! `picture(…)`: an image of `public/`, whose place is kept before it is there and which is loaded when it comes near.

use minijinja::value::{Kwargs, Value};
use minijinja::{Error as Mistake, ErrorKind};

use super::Facts;
use super::escape;
use super::part::attributes;

/// Arguments with a meaning of their own; all others are attributes.
const OWN: [&str; 7] = ["alt", "width", "height", "lazy", "src", "loading", "decoding"];

/// `picture("pictures/bread.svg", alt="A loaf", width=240, height=240, lazy=true, class="…")`; nothing for no path.
pub(super) fn picture(
    facts: &Facts,
    (source, alt, width, height, options): Arguments,
) -> Result<Value, Mistake> {
    let alt = alt.or(options.peek("alt")?).ok_or_else(|| {
        lacks("alt=\"…\", which says what it shows; alt=\"\" where the words beside it say so already")
    })?;
    let size =
        |given: Option<u32>, name: &str| given.map_or_else(|| options.peek(name), |size| Ok(Some(size)));
    let (Some(width), Some(height)) = (size(width, "width")?, size(height, "height")?) else {
        return Err(lacks("width=… and height=… in pixels, so that nothing moves when it comes"));
    };
    let lazy = options.peek::<Option<bool>>("lazy")?.unwrap_or(true);
    if source.is_none() {
        return Ok(Value::from(""));
    }
    let Some(path) = source.as_str() else {
        let detail =
            "picture(…) shows a file of public/, named by its path; files of records are not built yet";
        return Err(Mistake::new(ErrorKind::InvalidOperation, detail));
    };
    let mut out = String::with_capacity(160);
    out.push_str("<img src=\"");
    // Writing to a text does not fail.
    let _ = escape::write(&mut out, &facts.assets.address(path));
    out.push_str("\" alt=\"");
    let _ = escape::write(&mut out, &alt);
    out.push_str("\" width=\"");
    out.push_str(&width.to_string());
    out.push_str("\" height=\"");
    out.push_str(&height.to_string());
    out.push_str(if lazy { "\" loading=\"lazy\" decoding=\"async\"" } else { "\" decoding=\"async\"" });
    attributes(&mut out, &options, &OWN)?;
    out.push('>');
    Ok(Value::from_safe_string(out))
}

/// Path, `alt`, width, height, and what is named.
pub(super) type Arguments = (Value, Option<String>, Option<u32>, Option<u32>, Kwargs);

fn lacks(what: &str) -> Mistake {
    Mistake::new(ErrorKind::MissingArgument, format!("picture(…) needs {what}"))
}

#[cfg(test)]
mod tests {
    use minijinja::{Environment, context};

    use super::*;

    fn shown(template: &str) -> String {
        let mut env = Environment::new();
        let facts = Facts::default();
        env.add_function("picture", move |source, alt, width, height, options| {
            picture(&facts, (source, alt, width, height, options))
        });
        let shown = env.render_str(template, context! { none => (), odd => "\"><script>" });
        shown.unwrap_or_else(|error| error.detail().unwrap_or_default().to_owned())
    }

    #[test]
    fn a_picture_keeps_its_place_and_loads_when_it_is_near() {
        for (template, wanted) in [
            (
                "{{ picture('pictures/a b.svg', 'A loaf', 24, 12) }}",
                "<img src=\"/pictures/a%20b.svg\" alt=\"A loaf\" width=\"24\" height=\"12\" loading=\"lazy\" decoding=\"async\">",
            ),
            (
                "{{ picture('/a.png', alt='', width=1, height=2, lazy=false, class='x') }}",
                "<img src=\"/a.png\" alt=\"\" width=\"1\" height=\"2\" decoding=\"async\" class=\"x\">",
            ),
            ("{{ picture(none, alt='', width=1, height=2) }}", ""),
        ] {
            assert_eq!(shown(template), wanted, "{template}");
        }
        let odd = shown("{{ picture(odd, alt=odd, width=1, height=2) }}");
        assert!(!odd.contains("<script") && !odd.contains("\"\""), "{odd}");
    }

    #[test]
    fn what_a_picture_lacks_is_told() {
        for (template, wanted) in [
            ("{{ picture('a.svg', width=1, height=1) }}", "needs alt="),
            ("{{ picture('a.svg', alt='') }}", "needs width"),
            ("{{ picture('a.svg', alt='', width=1) }}", "needs width"),
            ("{{ picture(7, alt='', width=1, height=1) }}", "named by its path"),
        ] {
            assert!(shown(template).contains(wanted), "{template}: {}", shown(template));
        }
    }
}
