//! Moderation records, the trail and the block list in DynamoDB.
