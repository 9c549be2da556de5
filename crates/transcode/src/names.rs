//! Names of renditions and packages: the same work gives the same names, and only who knows the
//! video's secret could guess them. Pure.

use crate::ladder::LadderPlan;
use catalog::Video;
use sha2::{Digest, Sha256};
use vocab::{PackageId, RenditionId, RungName};

/// Everything that decides the bytes of a package, digested.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    seed: [u8; 32],
}

impl Names {
    /// `encoder` is [`crate::port::Encoder::fingerprint`].
    pub fn new(video: &Video, content_sha256: &str, plan: &LadderPlan, encoder: &str) -> Self {
        let mut h = Sha256::new();
        let id = video.id.to_string();
        let cover = video.transform.cover_at_ms.map_or(-1, |m| m.0).to_string();
        let plan = plan.fingerprint();
        for part in [id.as_str(), &video.link_key, content_sha256, &plan, encoder, &cover] {
            // The length keeps two neighbours from being read as one.
            h.update((part.len() as u64).to_le_bytes());
            h.update(part.as_bytes());
        }
        Self { seed: h.finalize().into() }
    }

    pub fn package(&self) -> PackageId {
        PackageId(self.derive("package"))
    }

    pub fn rendition(&self, rung: RungName) -> RenditionId {
        RenditionId(self.derive(&format!("rendition {rung}")))
    }

    fn derive(&self, what: &str) -> u128 {
        let digest = Sha256::new().chain_update(self.seed).chain_update(what.as_bytes()).finalize();
        let mut half = [0u8; 16];
        half.copy_from_slice(&digest[..16]);
        u128::from_be_bytes(half)
    }
}
