//! A job that this process holds.

use mains_base::Value;

/// Names a job, its holder, and which attempt it is: the same holder may come to hold it again.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) name: String,
    pub(super) key: String,
    pub(super) holder: [u8; 16],
    pub(super) attempt: u32,
}

impl Held {
    /// The first four parameters of every statement on a held job, and others behind them.
    pub(super) fn and(&self, others: &[Value]) -> Vec<Value> {
        let mut values = vec![
            Value::from(self.name.as_str()),
            Value::from(self.key.as_str()),
            Value::Bytes(self.holder.to_vec()),
            Value::Int(self.attempt.into()),
        ];
        values.extend_from_slice(others);
        values
    }
}
