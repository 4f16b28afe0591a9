//! What a caller asks of a list, as its address says it.

use mains_base::Result;
use mains_language::schema::CollectionId;

use super::refusal::{LIMIT, malformed};

/// The most records of one page.
pub const MOST: u32 = 500;
/// The records of a page where nothing else is said.
pub const DEFAULT_LIMIT: u32 = 30;

/// What an answer carries of a record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shown<'q> {
    /// `fields=title` or `fields=-body`
    pub fields: Option<&'q str>,
    /// `expand=author`
    pub expand: Option<&'q str>,
}

impl<'q> From<Option<&'q str>> for Shown<'q> {
    fn from(fields: Option<&'q str>) -> Self {
        Self { fields, expand: None }
    }
}

/// A list, as it was asked for. Texts are percent-decoded.
#[derive(Clone, Debug)]
pub struct ListRequest {
    /// Of which collection.
    pub collection: CollectionId,
    /// `where.<path>=value`: each path with its values, one of which must be equal.
    pub wheres: Vec<(String, Vec<String>)>,
    /// `filter=`, an expression.
    pub filter: Option<String>,
    /// `sort=-created,title`
    pub sort: Option<String>,
    /// `fields=title` or `fields=-body`
    pub fields: Option<String>,
    /// `expand=author,comments(sort=-created,limit=10).author`
    pub expand: Option<String>,
    /// `limit=`, 1 to 500.
    pub limit: Option<u32>,
    /// `cursor=`, the `next` of the page before.
    pub cursor: Option<String>,
    /// `total=true`
    pub total: bool,
}

impl ListRequest {
    /// The first page of everything.
    pub fn of(collection: CollectionId) -> Self {
        Self {
            collection,
            wheres: Vec::new(),
            filter: None,
            sort: None,
            fields: None,
            expand: None,
            limit: None,
            cursor: None,
            total: false,
        }
    }

    /// How many records a page has.
    pub(super) fn page(&self) -> Result<u32> {
        let limit = self.limit.unwrap_or(DEFAULT_LIMIT);
        if (1..=MOST).contains(&limit) {
            return Ok(limit);
        }
        Err(malformed(LIMIT, format!("Limit is a whole number from 1 to {MOST}.")))
    }
}
