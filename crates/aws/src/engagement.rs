//! Counters in DynamoDB: cumulative partials a shard, so that re-delivery is a no-op.
