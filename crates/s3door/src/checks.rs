//! Checksums of a request: which to compute on the way, and whether what came is what was meant.

use crate::error::StoreError;
use crate::meta::{ALGORITHMS, Sums};
use crate::parts::bytes_of;
use crate::receive::{Received, algorithm};
use http::HeaderMap;
use s3s::TrailingHeaders;

const SUM_PREFIX: &str = "x-amz-checksum-";
const NAMING_HEADERS: [&str; 2] = ["x-amz-sdk-checksum-algorithm", "x-amz-checksum-algorithm"];

/// What the client says of its body.
#[derive(Debug, Default)]
pub(crate) struct Claims {
    pub md5_base64: Option<String>,
    pub sums: Sums,
    /// Said in the trailer, so to be computed on the way.
    announced: Vec<&'static str>,
    trailers: Option<TrailingHeaders>,
}

impl Claims {
    pub fn of(headers: &HeaderMap, trailers: Option<TrailingHeaders>) -> Self {
        let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
        let trailer = text("x-amz-trailer").and_then(|t| t.strip_prefix(SUM_PREFIX));
        let named = NAMING_HEADERS.iter().filter_map(|h| text(h)).chain(trailer);
        Self {
            md5_base64: text("content-md5").map(str::to_owned),
            sums: sums_in(headers),
            announced: named.filter_map(algorithm).collect(),
            trailers,
        }
    }

    /// What is computed while the body comes in; `also` for an upload that announced one.
    pub fn algorithms(&self, also: Option<&str>) -> Vec<&'static str> {
        let sent = ALGORITHMS.iter().filter(|(_, get, _)| get(&self.sums).is_some()).map(|(n, ..)| *n);
        let mut names: Vec<_> =
            sent.chain(self.announced.iter().copied()).chain(also.and_then(algorithm)).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Compares everything the client said, trailers too, which are known only now.
    pub fn check(&self, received: &Received) -> Result<(), StoreError> {
        if let Some(md5) = &self.md5_base64 {
            let said = bytes_of(md5).filter(|b| b.len() == 16);
            let said = said.ok_or(StoreError::InvalidArgument("Content-MD5 is base64 of 16 bytes"))?;
            if hex::encode(said) != received.md5 {
                return Err(StoreError::BadDigest("Content-MD5"));
            }
        }
        let trailing = self.trailers.as_ref().and_then(|t| t.read(sums_in)).unwrap_or_default();
        for said in [&self.sums, &trailing] {
            if let Some(name) = received.sums.differs_from(said) {
                return Err(StoreError::BadDigest(name));
            }
        }
        Ok(())
    }
}

fn sums_in(headers: &HeaderMap) -> Sums {
    let mut sums = Sums::default();
    for (name, _, slot) in ALGORITHMS {
        let header = format!("{SUM_PREFIX}{}", name.to_ascii_lowercase());
        *slot(&mut sums) = headers.get(header).and_then(|v| v.to_str().ok()).map(str::to_owned);
    }
    sums
}
