//! Jobs in DynamoDB, delivered by SQS; domain events by EventBridge.
