//! The server through HTTP: to the router without a port, and over real connections where only they can show it.

mod chassis;
mod connections;
mod drain;
mod files;
mod site;
