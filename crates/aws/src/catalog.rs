//! Videos and the user library in DynamoDB.
