//! `signal contract --create`: tables and queues at local doubles, as the contract says.

use super::Ctx;
use crate::config::{Config, JobDelivery, Records};
use crate::wiring::aws;
use anyhow::bail;
use serde_json::json;

pub async fn run(ctx: &Ctx, config: &Config) -> anyhow::Result<()> {
    let mut made = Vec::new();
    if let Records::Dynamodb { region, prefix } = config.records()? {
        // On AWS itself tables come from infra/, with backups, alarms and a policy each.
        if config.stores.endpoint.is_empty() {
            bail!(
                "stores.endpoint is empty: this makes tables at local doubles only; on AWS infra/ makes them"
            );
        }
        made.extend(aws::create_tables(&region, &config.stores.endpoint, &prefix).await?);
    }
    if let JobDelivery::Sqs { region, prefix } = config.delivery_of_jobs()? {
        if config.work.endpoint.is_empty() {
            bail!(
                "work.endpoint is empty: this makes queues at local doubles only; on AWS infra/ makes them"
            );
        }
        made.extend(aws::create_queues(&region, &config.work.endpoint, &prefix).await?);
    }
    if ctx.json {
        return ctx.print_json(&json!({ "made": made }));
    }
    if made.is_empty() {
        println!("Nothing to make: stores.url and work.queue_url are embedded.");
    }
    for name in made {
        println!("{name}");
    }
    Ok(())
}
