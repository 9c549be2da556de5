//! Upload records, idempotency keys and quotas in DynamoDB.
