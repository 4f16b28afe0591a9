//! Which door an address belongs to. The list is read from the top; what is not the API's is the site's.

use crate::router::Door;

/// A door.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Route<'r> {
    /// `/health`.
    Health,
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
        match path {
            "/health" => Self::Health,
            "/api" => Self::Api,
            _ if path.starts_with("/api/") => Self::Api,
            _ => Self::File,
        }
    }

    /// The methods it takes, as the `Allow` header says them.
    pub(crate) fn allowed(&self) -> &'static str {
        match self {
            Self::Health | Self::File => "GET, HEAD, OPTIONS",
            Self::Api => "GET, HEAD, OPTIONS, POST, PATCH, PUT, DELETE",
            Self::Door(door) => door.methods,
        }
    }

    /// Its name in the log.
    pub(crate) fn pattern(&self) -> &'static str {
        match self {
            Self::Health => "/health",
            Self::Api => "/api/{unknown}",
            Self::Door(door) => door.path,
            Self::File => "/{file}",
        }
    }
}
