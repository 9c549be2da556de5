//! Stands in for the engines of AWS in builds without them. The settings refuse their schemes before.

use super::House;
use super::media::Media;
use super::stores::{Base, End, Records, StoredObjects};
use crate::config::Config;
use ::identity::{RevokedSessions, TokenVerifier};
use anyhow::bail;
use api::Check;
use catalog::StatusListener;
use std::sync::Arc;
use stdx::{Clock, Entropy};
use transcode::Encoder;

const SAID: &str = "this build has no engines of AWS: build with --features aws";

/// Nothing stands outside the process.
#[derive(Default)]
pub struct Remote(());

impl Remote {
    pub fn checks(&self) -> &[Arc<dyn Check>] {
        &[]
    }
    pub fn listener(&self) -> Option<Arc<dyn StatusListener>> {
        None
    }
    /// Offsets of the event log that one append takes.
    pub fn log_stride(&self) -> u64 {
        1
    }
    /// How long the feed trusts what it read.
    pub fn feed_cache(&self) -> feed::policy::CacheRules {
        Default::default()
    }
    pub async fn verify(&self) -> anyhow::Result<()> {
        Ok(())
    }
    pub async fn eyes(&mut self, _: &Base<'_>, _: &mut Media) -> anyhow::Result<()> {
        Ok(())
    }
    pub async fn encoder(
        &mut self,
        _: &Base<'_>,
        local: Arc<dyn Encoder>,
    ) -> anyhow::Result<Arc<dyn Encoder>> {
        Ok(local)
    }
    pub async fn follow(&self, _: &House) {
        std::future::pending().await
    }
    pub async fn deliver(&self, _: Arc<House>, _stop: End, idle: End) {
        idle.await
    }
}

pub async fn records(_: &Base<'_>, _region: &str, _prefix: &str, _: &mut Remote) -> anyhow::Result<Records> {
    bail!(SAID)
}

pub async fn objects(_: &Base<'_>, _bucket: &str, _: &mut Remote) -> anyhow::Result<StoredObjects> {
    bail!(SAID)
}

/// No outside issuer is known here.
pub enum Outside {}

pub fn accounts_at(_: &Config) -> anyhow::Result<Option<String>> {
    Ok(None)
}

pub async fn verifier(
    _: &Config,
    _: &Records,
    own: Arc<dyn TokenVerifier>,
    _: &Arc<RevokedSessions>,
    _: (&Arc<dyn Clock>, &Arc<dyn Entropy>),
) -> anyhow::Result<(Arc<dyn TokenVerifier>, Option<Outside>)> {
    Ok((own, None))
}
