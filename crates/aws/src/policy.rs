//! Every limit of the AWS engines.

use std::time::Duration;

/// Limits of calls to AWS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsPolicy {
    pub connect_timeout: Duration,
    /// One attempt, from request to the last byte of the answer.
    pub attempt_timeout: Duration,
    /// One call with all its attempts.
    pub operation_timeout: Duration,
    pub attempts_max: u32,
    pub backoff_first: Duration,
    pub backoff_max: Duration,
    /// Tokens of the retry budget of one client: a retry takes 5 (10 after a time-out), a success gives 1 back.
    pub retry_budget: usize,
    /// Rounds of read, decide, write on condition.
    pub races_max: u32,
    /// Rounds for what a batch left unprocessed.
    pub batch_rounds_max: u32,
    /// Pages one answer may be gathered from.
    pub pages_max: u32,
}

impl Default for AwsPolicy {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(2),
            attempt_timeout: Duration::from_secs(5),
            operation_timeout: Duration::from_secs(20),
            attempts_max: 4,
            backoff_first: Duration::from_millis(50),
            backoff_max: Duration::from_secs(2),
            retry_budget: 500,
            races_max: 32,
            batch_rounds_max: 8,
            pages_max: 20,
        }
    }
}

/// No item grows beyond this; DynamoDB allows 400 KB, but a write costs a unit a KB.
pub const ITEM_BYTES_MAX: usize = 100 * 1024;
/// DynamoDB's limits of one batch.
pub const BATCH_GET_MAX: usize = 100;
pub const BATCH_WRITE_MAX: usize = 25;
