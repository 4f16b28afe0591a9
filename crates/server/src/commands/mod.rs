//! Commands: what one can do with a ready-made collection besides records, each declared beside its collection and
//! done by a handler of its app.
//!
//! Invariants: every declared command has one handler and every handler one declaration, or the server does not start;
//! a handler's answer leaves only after the command's `allow` was asked in a transaction of its own.

mod answer;
mod door;
mod input;
mod invocation;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use mains_base::{Error, Kind, Result, nearest};
use mains_language::schema::Schema;

pub use answer::Answer;
pub(crate) use door::find;
pub use invocation::Entered;
pub use invocation::Invocation;

/// Does what a command says. It may wait (for a password to be hashed, say) before and after its write, never in it.
pub type Handler = Arc<dyn Fn(Arc<Invocation>) -> BoxFuture<'static, Result<Answer>> + Send + Sync>;

/// A handler and the command that it is of.
#[derive(Clone)]
pub struct Handled {
    /// The collection.
    pub collection: &'static str,
    /// The command, as it is declared: `sign_up`.
    pub command: &'static str,
    /// Does it.
    pub handler: Handler,
}

/// The handlers of all apps.
#[derive(Clone, Default)]
pub struct Commands {
    handlers: HashMap<(&'static str, &'static str), Handler>,
}

impl Handled {
    /// A function as the handler of a command.
    pub fn new<F, Done>(collection: &'static str, command: &'static str, handler: F) -> Self
    where
        F: Fn(Arc<Invocation>) -> Done + Send + Sync + 'static,
        Done: Future<Output = Result<Answer>> + Send + 'static,
    {
        let handler: Handler = Arc::new(move |invocation| Box::pin(handler(invocation)));
        Self { collection, command, handler }
    }
}

impl Commands {
    /// The handlers of these apps. Two of one command are a mistake of the program.
    pub fn new(handled: impl IntoIterator<Item = Handled>) -> Result<Self> {
        let mut handlers = HashMap::new();
        for Handled { collection, command, handler } in handled {
            if handlers.insert((collection, command), handler).is_some() {
                return Err(wrong(format!("The command {command} of {collection} has two handlers.")));
            }
        }
        Ok(Self { handlers })
    }

    /// Whether handlers and declarations are the same list.
    pub fn check(&self, schema: &Schema) -> Result<()> {
        for collection in &schema.collections {
            for command in &collection.commands {
                if !self.handlers.contains_key(&(&*collection.name, &*command.name)) {
                    let name = (&collection.name, &command.name);
                    return Err(wrong(format!("The command {} of {} has no handler.", name.1, name.0)));
                }
            }
        }
        for (collection, command) in self.handlers.keys() {
            let declared = schema
                .find(collection)
                .map(|collection| collection.commands.iter().map(|one| one.name.as_str()));
            let names: Vec<&str> = declared.into_iter().flatten().collect();
            if !names.contains(command) {
                let near = nearest(command, names).map_or(String::new(), |near| format!(" Is it {near}?"));
                let detail = format!(
                    "There is a handler of {command}, and {collection} declares no such command.{near}"
                );
                return Err(wrong(detail));
            }
        }
        Ok(())
    }

    pub(crate) fn find(&self, collection: &str, command: &str) -> Option<&Handler> {
        self.handlers.iter().find(|((of, name), _)| *of == collection && *name == command).map(|(_, one)| one)
    }
}

impl fmt::Debug for Commands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.handlers.keys()).finish()
    }
}

impl fmt::Debug for Handled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.collection, self.command)
    }
}

fn wrong(detail: String) -> Error {
    Error::new(Kind::Internal, "apps.commands", detail)
}

#[cfg(test)]
mod tests {
    use mains_language::schema::Owner;
    use mains_language::site::{File, Layer, load};

    use super::*;

    fn schema(commands: &str) -> Schema {
        let source = format!("prefix = \"order\"\n{commands}");
        let file = File { path: "collections/orders.toml".into(), source };
        load(&[Layer { owner: Owner::App("orders".into()), files: vec![file] }]).unwrap()
    }

    fn handled(command: &'static str) -> Handled {
        Handled::new("orders", command, async |_| Ok(Answer::nothing()))
    }

    #[test]
    fn handlers_and_declarations_are_one_list() {
        let cancel = schema("[commands.cancel]\nallow = 'true'\n");
        let check = |handlers: Vec<Handled>, schema: &Schema| {
            Commands::new(handlers)
                .and_then(|commands| commands.check(schema))
                .map_err(|error| error.detail().to_owned())
        };
        assert_eq!(check(vec![handled("cancel")], &cancel), Ok(()));
        assert_eq!(check(vec![], &cancel), Err("The command cancel of orders has no handler.".into()));
        assert_eq!(
            check(vec![handled("cancel"), handled("cancle")], &cancel),
            Err("There is a handler of cancle, and orders declares no such command. Is it cancel?".into())
        );
        assert_eq!(
            check(vec![handled("cancel"), handled("cancel")], &cancel),
            Err("The command cancel of orders has two handlers.".into())
        );
    }
}
