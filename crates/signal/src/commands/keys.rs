//! The issuer's keys and the operator's link, without the rest of the house.

use super::Ctx;
use crate::config::Config;
use crate::data_dir::DataDir;
use crate::serve::open_data;
use crate::wiring::aws::Remote;
use crate::wiring::{identity, stores};
use anyhow::Context;
use std::sync::Arc;
use stdx::{Clock, Entropy, OsEntropy, SystemClock};
use work::Wake;

/// What `signal keys` and `signal operator` work with: the issuer and nothing else of the house.
async fn issuer(config: &Config, data: &DataDir) -> anyhow::Result<identity::Identity> {
    let (clock, entropy): (Arc<dyn Clock>, Arc<dyn Entropy>) = (Arc::new(SystemClock), Arc::new(OsEntropy));
    let wake = Wake::default();
    let (clock, entropy) = (&clock, &entropy);
    let base = stores::Base { config, data, clock, entropy, wake: &wake, duties: stores::Duties::default() };
    let mut remote = Remote::default();
    let records = stores::records(&base, &mut remote).await?;
    remote.verify().await?;
    identity::build(config, &records, identity::Merges(Vec::new()), clock, entropy).await
}

/// `signal keys rotate`. Embedded records are the running server's alone; shared ones are everybody's.
pub async fn rotate_keys(config: &Config, ctx: &Ctx, compromised: bool) -> anyhow::Result<()> {
    let data = open_data(config, ctx)
        .context("stop the server first: a running server would go on signing with the old key")?;
    let occasion = if compromised { ::identity::Occasion::Compromise } else { ::identity::Occasion::Routine };
    let kid = issuer(config, &data).await?.issuer.rotate_keys(occasion).await?;
    if ctx.json {
        return ctx.print_json(&serde_json::json!({ "kid": kid }));
    }
    if compromised {
        println!("New signing key {kid}. Nothing the old ones have signed is believed any more.");
    } else {
        println!("New signing key {kid}. Tokens signed with the old one stay valid until they expire.");
    }
    Ok(())
}

/// `signal operator`: a fresh one-time link, and the session that this machine's commands use.
pub async fn operator(config: &Config, ctx: &Ctx) -> anyhow::Result<()> {
    let data = open_data(config, ctx).context("`signal up` prints the operator link at its start")?;
    let identity = issuer(config, &data).await?;
    let url = config.public_url();
    identity::leave_session(&identity, &data, &url, &OsEntropy).await?;
    let link = identity::link(&identity, &url).await?;
    if ctx.json {
        return ctx.print_json(&serde_json::json!({ "operator_link": link, "url": url }));
    }
    println!("{link}");
    println!("It works once, and makes the browser that opens it the operator.");
    Ok(())
}
