//! The event log in DynamoDB.
