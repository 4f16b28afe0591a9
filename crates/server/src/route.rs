//! Which door an address belongs to. The list is read from the top; what is not the API's is the site's.

use crate::records::Address;
use crate::router::Door;

/// A door.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Route<'r> {
    /// `/health`.
    Health,
    /// `/api/{collection}` and `/api/{collection}/{id}`.
    Records(Address<'r>),
    /// Something under `/api` that is not there.
    Api,
    /// An address of its own.
    Door(&'r Door),
    /// A file of the site.
    File,
}

impl<'r> Route<'r> {
    /// The door of this path, as it came: not decoded.
    pub(crate) fn find(path: &'r str, doors: &'r [Door]) -> Self {
        if let Some(door) = doors.iter().find(|door| door.path == path) {
            return Self::Door(door);
        }
        match path.strip_prefix("/api") {
            Some("") => Self::Api,
            Some(rest) if rest.starts_with('/') => {
                let rest = rest.strip_prefix('/').unwrap_or(rest);
                Address::read(rest).map_or(Self::Api, Self::Records)
            }
            _ if path == "/health" => Self::Health,
            _ => Self::File,
        }
    }

    /// The collection it is about, if it has a name that one can have.
    pub(crate) fn collection(&self) -> Option<&'r str> {
        let Self::Records(address) = self else { return None };
        Some(address.collection).filter(|name| name.len() <= 63)
    }

    /// The methods it takes, as the `Allow` header says them.
    pub(crate) fn allowed(&self) -> &'static str {
        match self {
            Self::Health | Self::File => "GET, HEAD, OPTIONS",
            Self::Api | Self::Records(_) => "GET, HEAD, OPTIONS, POST, PATCH, PUT, DELETE",
            Self::Door(door) => door.methods,
        }
    }

    /// Its name in the log.
    pub(crate) fn pattern(&self) -> &'static str {
        match self {
            Self::Health => "/health",
            Self::Api => "/api/{unknown}",
            Self::Records(Address { key: None, .. }) => "/api/{collection}",
            Self::Records(Address { key: Some(_), .. }) => "/api/{collection}/{id}",
            Self::Door(door) => door.path,
            Self::File => "/{file}",
        }
    }
}
