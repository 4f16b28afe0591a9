//! The pages of a site, read and compiled together: a new set takes the place of the old one as a whole.
//!
//! Layers stand in order: what Mains brings, what apps bring, the site's own; a file of the same name takes the place
//! of the one before. Templates are looked for here and nowhere else.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use mains_base::nearest;
use mains_language::site::{Diagnostic, Severity};
use minijinja::{AutoEscape, Environment, UndefinedBehavior};

use super::front::{self, Front, Wrong};
use super::routes::{Address, Match, Routes};
use super::{Facts, check, escape, filters, reader};

/// The name of the query that finds the caller's own account.
pub(super) const ACCOUNT: &str = "caller.account";
/// The layout of pages that Mains and apps bring: the site's own where it has a block `content`.
pub(super) const LAYOUT: &str = "mains/layout.html";
/// Where templates stand that are no pages: what Mains brings.
const BROUGHT: &str = "mains/";
/// The layout of a site.
const SITE_LAYOUT: &str = "_layout.html";
/// Instructions that one page may take.
const FUEL: u64 = 2_000_000;
/// Includes and macros within each other.
const DEPTH: usize = 60;

/// One file under `pages/`, named from there: `articles/[slug].html`.
#[derive(Clone, Debug)]
pub struct PageFile {
    /// The name.
    pub path: String,
    /// Its text.
    pub source: String,
}

/// All pages.
pub(super) struct Set {
    pub(super) env: Environment<'static>,
    pub(super) pages: Vec<Page>,
    files: HashMap<String, usize>,
    routes: Routes,
    /// What is worth a second look.
    pub(super) warnings: Vec<Diagnostic>,
}

/// One file.
pub(super) struct Page {
    /// Under `pages/`; the name of its template.
    pub(super) file: String,
    /// The same from the folder of the site: its name in the log.
    pub(super) label: Arc<str>,
    pub(super) source: Arc<str>,
    /// Where the front matter and the template begin.
    pub(super) front_at: usize,
    pub(super) body_at: usize,
    /// Its own, with the queries of what it extends and includes before its own.
    pub(super) front: Front,
    pub(super) address: Option<Address>,
    /// What it needs of the caller's account.
    pub(super) account: Need,
    /// Templates that it names, with their places in the file.
    pub(super) names: Vec<(String, Range<usize>)>,
}

/// What a page needs of the account of its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Need {
    Nothing,
    /// How it likes dates and numbers.
    Reader,
    /// What a template names.
    Fields,
}

impl Set {
    /// Reads and compiles all files, or tells everything that is wrong with them.
    pub(super) fn new(facts: &Arc<Facts>, layers: &[Vec<PageFile>]) -> Result<Self, Vec<Diagnostic>> {
        let mut building = Building { pages: Vec::new(), wrong: Vec::new() };
        building.read(layers);
        let mut env = environment(facts);
        for page in &building.pages {
            let body = page.source.get(page.body_at..).unwrap_or_default().to_owned();
            if let Err(error) = env.add_template_owned(page.file.clone(), body) {
                building.wrong.push(page.mistake(&error));
            }
        }
        building.check_names();
        let routes = building.routes();
        if !building.wrong.is_empty() {
            return Err(building.wrong);
        }
        let files = building.pages.iter().enumerate().map(|(at, page)| (page.file.clone(), at)).collect();
        let routes = routes.unwrap_or_default();
        let mut set = Self { env, pages: building.pages, files, routes, warnings: Vec::new() };
        set.gather();
        Ok(set)
    }

    /// The page that answers a path.
    pub(super) fn find(&self, path: &str) -> Option<Match> {
        self.routes.find(path)
    }

    /// The page of a file.
    pub(super) fn file(&self, name: &str) -> Option<usize> {
        self.files.get(name).copied()
    }

    /// Gives each page the queries of what it extends and includes.
    fn gather(&mut self) {
        let fronts: Vec<(Front, Need)> = (0..self.pages.len()).map(|at| self.gathered(at)).collect();
        for (page, (front, account)) in self.pages.iter_mut().zip(fronts) {
            page.front = front;
            page.account = account;
        }
    }

    fn gathered(&self, at: usize) -> (Front, Need) {
        let (mut seen, mut open) = (Vec::new(), vec![at]);
        while let Some(next) = open.pop() {
            if seen.contains(&next) {
                continue;
            }
            seen.push(next);
            let names = self.pages.get(next).map_or(&[][..], |page| &page.names);
            open.extend(names.iter().filter_map(|(name, _)| self.file(name)));
        }
        let parts: Vec<&Page> = seen.iter().filter_map(|&at| self.pages.get(at)).collect();
        let mut front = parts.first().map_or_else(Front::default, |page| page.front.clone());
        let own = std::mem::take(&mut front.queries);
        for part in parts.iter().skip(1).rev() {
            front.signed_in |= part.front.signed_in;
            let new =
                part.front.queries.iter().filter(|query| own.iter().all(|other| other.name != query.name));
            let new: Vec<_> = new
                .filter(|query| front.queries.iter().all(|other| other.name != query.name))
                .cloned()
                .collect();
            front.queries.extend(new);
        }
        front.queries.extend(own);
        let need = parts.iter().map(|page| page.need()).max();
        (front, need.unwrap_or(Need::Nothing))
    }
}

impl Page {
    fn need(&self) -> Need {
        let body = self.source.get(self.body_at..).unwrap_or_default();
        if body.contains(ACCOUNT) {
            return Need::Fields;
        }
        let used = check::filters(body, 0);
        let formats = used.iter().any(|(name, _)| reader::FILTERS.contains(&name.as_str()));
        if formats { Need::Reader } else { Need::Nothing }
    }

    /// Something that is wrong at a place of the file.
    pub(super) fn wrong(&self, span: Range<usize>, message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            path: format!("pages/{}", self.file),
            source: Arc::clone(&self.source),
            span,
            severity: Severity::Error,
            message: message.into(),
            hint: None,
        }
    }

    /// The same of the front matter.
    pub(super) fn wrong_front(&self, wrong: Wrong) -> Diagnostic {
        let span = wrong.span.start + self.front_at..wrong.span.end + self.front_at;
        self.wrong(span, wrong.message)
    }

    /// What the template engine says, at its place.
    pub(super) fn mistake(&self, error: &minijinja::Error) -> Diagnostic {
        let body = self.source.get(self.body_at..).unwrap_or_default();
        let span = error.range().unwrap_or_else(|| line(body, error.line().unwrap_or(1)));
        let message = match error.detail() {
            Some(detail) => format!("{}: {detail}.", upper(&error.kind().to_string())),
            None => format!("{}.", upper(&error.kind().to_string())),
        };
        self.wrong(span.start + self.body_at..span.end + self.body_at, message)
    }
}

fn upper(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// The place of a line, from 1.
fn line(text: &str, number: usize) -> Range<usize> {
    let mut at = 0;
    for (place, line) in text.split_inclusive('\n').enumerate() {
        if place + 1 == number {
            return at..at + line.trim_end().len();
        }
        at += line.len();
    }
    at..at
}

struct Building {
    pages: Vec<Page>,
    wrong: Vec<Diagnostic>,
}

impl Building {
    fn read(&mut self, layers: &[Vec<PageFile>]) {
        let mut files: Vec<&PageFile> = Vec::new();
        for file in layers.iter().flatten() {
            files.retain(|other| other.path != file.path);
            files.push(file);
        }
        let site = files.iter().find(|file| file.path == SITE_LAYOUT);
        let joins = site.is_some_and(|file| has_content(&file.source));
        for file in &files {
            let joined = file.path == LAYOUT && joins;
            let source =
                if joined { format!("{{% extends \"{SITE_LAYOUT}\" %}}") } else { file.source.clone() };
            self.page(&file.path, &source);
        }
    }

    fn page(&mut self, file: &str, source: &str) {
        let source: Arc<str> = source.into();
        let mut page = Page {
            file: file.to_owned(),
            label: format!("pages/{file}").into(),
            source: Arc::clone(&source),
            front_at: 0,
            body_at: 0,
            front: Front::default(),
            address: None,
            account: Need::Nothing,
            names: Vec::new(),
        };
        match Address::of(file) {
            _ if file.starts_with(BROUGHT) => {}
            Ok(address) => page.address = address,
            Err(message) => self.wrong.push(page.wrong(0..0, format!("pages/{file}: {message}"))),
        }
        match front::split(&source) {
            Ok((front, body_at)) => {
                page.body_at = body_at;
                page.front_at = front.as_ref().map_or(0, |front| front.start);
                let parameters: Option<Vec<String>> =
                    page.address.as_ref().map(|address| address.parameters().map(str::to_owned).collect());
                let text = front.and_then(|front| source.get(front)).unwrap_or_default();
                match Front::read(text, parameters.as_deref()) {
                    Ok(front) => page.front = front,
                    Err(wrong) => {
                        let wrong: Vec<_> = wrong.into_iter().map(|wrong| page.wrong_front(wrong)).collect();
                        self.wrong.extend(wrong);
                    }
                }
            }
            Err(wrong) => self.wrong.push(page.wrong(wrong.span, wrong.message)),
        }
        page.names = named(&source, page.body_at);
        self.pages.push(page);
    }

    /// Templates that are named and not there.
    fn check_names(&mut self) {
        let files: Vec<&str> = self.pages.iter().map(|page| page.file.as_str()).collect();
        for page in &self.pages {
            for (name, span) in page.names.iter().filter(|(name, _)| !files.contains(&name.as_str())) {
                let near = nearest(name, files.iter().copied());
                let near = near.map_or(String::new(), |near| format!(" Did you mean {near:?}?"));
                let message = format!("There is no pages/{name}.{near}");
                self.wrong.push(page.wrong(span.clone(), message));
            }
        }
    }

    fn routes(&mut self) -> Option<Routes> {
        let addresses = self.pages.iter().enumerate();
        let addresses = addresses.filter_map(|(at, page)| Some((at, page.address.clone()?)));
        match Routes::new(addresses) {
            Ok(routes) => Some(routes),
            Err((one, other)) => {
                if let (Some(one), Some(other)) = (self.pages.get(one), self.pages.get(other)) {
                    let message = format!(
                        "pages/{} answers the same address as pages/{}; rename one.",
                        other.file, one.file
                    );
                    self.wrong.push(other.wrong(0..0, message));
                }
                None
            }
        }
    }
}

/// Whether a layout has the place where other pages put what they show.
fn has_content(source: &str) -> bool {
    source.split("{%").skip(1).any(|tag| {
        let mut words = tag.trim_start_matches(['-', '+']).split_whitespace();
        words.next() == Some("block")
            && words.next().is_some_and(|name| name.trim_end_matches(['-', '%', '}']) == "content")
    })
}

/// Templates that a template names by a plain text: what it extends, includes and imports.
fn named(source: &str, from: usize) -> Vec<(String, Range<usize>)> {
    let mut found = Vec::new();
    let mut at = from;
    while let Some(open) = source.get(at..).and_then(|rest| rest.find("{%")) {
        at += open + 2;
        let rest = source.get(at..).unwrap_or_default();
        let tag = rest.get(..rest.find("%}").unwrap_or(rest.len())).unwrap_or_default();
        let word = tag.trim_start_matches(['-', '+']).split_whitespace().next().unwrap_or_default();
        if !matches!(word, "extends" | "include" | "import" | "from") {
            continue;
        }
        let Some(quote) = tag.find(['"', '\'']) else { continue };
        let mark = tag.as_bytes().get(quote).copied().map_or('"', char::from);
        let name = tag.get(quote + 1..).and_then(|rest| rest.split(mark).next()).unwrap_or_default();
        if !tag.contains("ignore missing") {
            found.push((name.to_owned(), at + quote + 1..at + quote + 1 + name.len()));
        }
    }
    found
}

fn environment(facts: &Arc<Facts>) -> Environment<'static> {
    let mut env = Environment::new();
    env.set_auto_escape_callback(|_| AutoEscape::Html);
    env.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    env.set_formatter(escape::show);
    env.set_fuel(Some(FUEL));
    env.set_recursion_limit(DEPTH);
    env.set_debug(true);
    filters::add(&mut env, facts);
    env
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_templates_are_found() {
        let source = "{% extends \"_a.html\" %}{%- include 'b.html' ignore missing %}{% from \"c.html\" import x %}{% if x %}{% include name %}";
        let names: Vec<String> = named(source, 0).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["_a.html", "c.html"]);
        assert!(has_content("{%- block content -%}") && has_content("{% block content %}{% endblock %}"));
        assert!(!has_content("{% block contents %}{{ content }}"));
    }
}
