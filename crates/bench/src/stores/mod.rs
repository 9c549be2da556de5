//! The stores: the embedded engine against bare SQLite statements of the same shape, and what DynamoDB
//! charges for a published video and a feed page.

mod bare;
#[cfg(feature = "aws")]
mod dynamo;
mod embedded;
#[cfg(feature = "aws")]
mod life;
#[cfg(feature = "aws")]
mod pages;
#[cfg(feature = "aws")]
mod toll;

use crate::Args;
use crate::report::Report;

pub async fn run(args: &Args, report: &mut Report) -> anyhow::Result<()> {
    embedded::run(report).await?;
    #[cfg(feature = "aws")]
    if let Some(dynoxide) = &args.dynoxide {
        return dynamo::run(args, dynoxide, report).await;
    }
    let why =
        if args.dynoxide.is_some() { "built without --features aws" } else { "no --dynoxide was given" };
    report.skip("dynamodb_*", why);
    Ok(())
}
