//! The stores: the embedded engine against bare SQLite statements of the same shape, and what DynamoDB
//! charges for a published video and a feed page.

mod bare;
#[cfg(feature = "aws")]
mod dynamo;
mod embedded;
#[cfg(feature = "aws")]
mod toll;

use crate::report::Report;
use std::path::Path;

pub async fn run(signal: &Path, media: &Path, report: &mut Report) -> anyhow::Result<()> {
    embedded::run(report).await?;
    #[cfg(feature = "aws")]
    dynamo::run(signal, media, report).await?;
    #[cfg(not(feature = "aws"))]
    {
        let _ = (signal, media);
        report.skip("dynamodb_*", "this benchmark was built without --features aws");
    }
    Ok(())
}
