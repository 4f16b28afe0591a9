//! `mains mails [ID]`: what would have been sent.

use mains_base::Result;
use serde_json::Value;

use super::{minute, text};
use crate::backend::Backend;
use crate::operations::Operation;
use crate::talk::Talk;

/// Lists them, or prints the text of one.
pub(crate) fn run(backend: &mut Backend, id: Option<&str>, talk: Talk) -> Result<()> {
    if let Some(id) = id {
        let mail = backend.ask(Operation::MailsFind { id: id.to_owned() })?;
        talk.print(&format!("To: {}", text(&mail, "to")))?;
        talk.print(&format!("Subject: {}\n", text(&mail, "subject")))?;
        return talk.print(text(&mail, "text").trim_end());
    }
    let mails = backend.ask(Operation::MailsList)?;
    let row = |mail: &Value| {
        let time = minute(text(mail, "at"));
        [text(mail, "id"), time, text(mail, "to"), text(mail, "subject")].map(str::to_owned).to_vec()
    };
    let rows: Vec<Vec<String>> = mails.as_array().into_iter().flatten().map(row).collect();
    if rows.is_empty() {
        talk.say("No mails are kept. `mains dev` keeps them when [mail] url is not set.");
    }
    talk.print_table(&["ID", "KEPT (UTC)", "TO", "SUBJECT"], &rows)
}
