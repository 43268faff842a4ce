//! What is asked of an execution client beyond the Engine API: to take a transaction, and which block holds it. Its
//! authenticated address answers that, too.

use super::{Client, SHORT, malformed};
use crate::engine::call::Failure;
use crate::ssz::{JsonError, Root};
use crate::types::ExecutionAddress;
use serde_json::{Value, json};

impl Client {
    /// `eth_getTransactionCount`: transactions that an account has sent, those that wait included.
    pub async fn transaction_count(&self, account: &ExecutionAddress) -> Result<u64, Failure> {
        let method = "eth_getTransactionCount";
        quantity(method, &self.ask(method, json!([account, "pending"]), SHORT).await?)
    }

    /// `eth_sendRawTransaction`: takes a signed transaction; its hash.
    pub async fn send_raw_transaction(&self, transaction: &[u8]) -> Result<Root, Failure> {
        let method = "eth_sendRawTransaction";
        let hash = self.ask(method, json!([format!("0x{}", hex::encode(transaction))]), SHORT).await?;
        let text = hash.as_str().and_then(|text| text.parse().ok());
        text.ok_or_else(|| malformed(method, &JsonError::expected("a hash", &hash)))
    }

    /// `eth_getTransactionReceipt`: the number of the block of its chain that holds a transaction; `None` if none does.
    pub async fn transaction_block(&self, hash: &Root) -> Result<Option<u64>, Failure> {
        let method = "eth_getTransactionReceipt";
        match self.ask(method, json!([hash]), SHORT).await? {
            Value::Null => Ok(None),
            receipt => quantity(method, receipt.get("blockNumber").unwrap_or(&Value::Null)).map(Some),
        }
    }
}

fn quantity(method: &str, value: &Value) -> Result<u64, Failure> {
    let digits = value.as_str().and_then(|text| text.strip_prefix("0x"));
    let number = digits.and_then(|digits| u64::from_str_radix(digits, 16).ok());
    number.ok_or_else(|| malformed(method, &JsonError::expected("a quantity", value)))
}
