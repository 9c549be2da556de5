//! Warm queues and what viewers saw, in DynamoDB.
