//! What a caller asks of totals, as its address says it.

use mains_base::{Error, Result};
use mains_language::schema::CollectionId;

use crate::records::refusal::{GROUP, LIMIT, MEASURE, malformed};
use crate::records::request::{DEFAULT_LIMIT, MOST};

/// The most groupings of one request.
const MOST_GROUPS: usize = 5;
/// The most sums, least and greatest values of one request.
const MOST_MEASURES: usize = 10;

/// Totals, as they were asked for. Texts are percent-decoded.
#[derive(Clone, Debug)]
pub struct AggregateRequest {
    /// Of which collection.
    pub collection: CollectionId,
    /// `group=status,month(created)`
    pub group: Option<String>,
    /// `count`; also where nothing else is asked for.
    pub count: bool,
    /// `sum=total,tax`
    pub sum: Option<String>,
    /// `min=total`
    pub min: Option<String>,
    /// `max=total`
    pub max: Option<String>,
    /// `where.<path>=value`: each path with its values, one of which must be equal.
    pub wheres: Vec<(String, Vec<String>)>,
    /// `filter=`, an expression.
    pub filter: Option<String>,
    /// `sort=-count,status`
    pub sort: Option<String>,
    /// `limit=`, 1 to 500.
    pub limit: Option<u32>,
    /// `cursor=`, the `next` of the page before.
    pub cursor: Option<String>,
}

/// What is calculated of a path over a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    Sum,
    Min,
    Max,
}

impl Function {
    /// As it stands in an address and in an answer.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::Min => "min",
            Self::Max => "max",
        }
    }
}

impl AggregateRequest {
    /// How many records there are.
    pub fn of(collection: CollectionId) -> Self {
        Self {
            collection,
            group: None,
            count: false,
            sum: None,
            min: None,
            max: None,
            wheres: Vec::new(),
            filter: None,
            sort: None,
            limit: None,
            cursor: None,
        }
    }

    /// The names to group by.
    pub(super) fn groups(&self) -> Result<Vec<&str>> {
        let names = parts(self.group.as_deref());
        if names.len() > MOST_GROUPS {
            return Err(malformed(GROUP, format!("Group by at most {MOST_GROUPS} fields.")));
        }
        if let Some(name) = twice(&names) {
            return Err(malformed(GROUP, format!("Group names {name:?} twice.")));
        }
        Ok(names)
    }

    /// What is calculated, in the order of the answer.
    pub(super) fn measures(&self) -> Result<Vec<(Function, &str)>> {
        let each = [(Function::Sum, &self.sum), (Function::Min, &self.min), (Function::Max, &self.max)];
        let mut measures = Vec::new();
        for (function, text) in each {
            let names = parts(text.as_deref());
            if let Some(name) = twice(&names) {
                return Err(malformed(MEASURE, format!("{} names {name:?} twice.", function.name())));
            }
            measures.extend(names.into_iter().map(|name| (function, name)));
        }
        if measures.len() > MOST_MEASURES {
            return Err(malformed(MEASURE, format!("Ask for at most {MOST_MEASURES} of sum, min and max.")));
        }
        Ok(measures)
    }

    /// Whether groups are counted.
    pub(super) fn counts(&self) -> bool {
        self.count || [&self.sum, &self.min, &self.max].iter().all(|text| parts(text.as_deref()).is_empty())
    }

    /// How many groups a page has.
    pub(super) fn page(&self) -> Result<u32, Error> {
        let limit = self.limit.unwrap_or(DEFAULT_LIMIT);
        let fits = (1..=MOST).contains(&limit).then_some(limit);
        fits.ok_or_else(|| malformed(LIMIT, format!("Limit is a whole number from 1 to {MOST}.")))
    }
}

fn parts(text: Option<&str>) -> Vec<&str> {
    text.filter(|text| !text.is_empty()).map(|text| text.split(',').collect()).unwrap_or_default()
}

fn twice<'n>(names: &[&'n str]) -> Option<&'n str> {
    let mut each = names.iter().enumerate();
    each.find(|(at, name)| names.iter().take(*at).any(|other| other == *name)).map(|(_, name)| *name)
}

/// 400: the elements of two lists would be counted against each other.
pub(super) fn two_lists() -> Error {
    malformed(GROUP, "Group by the elements of one list at a time.")
}
