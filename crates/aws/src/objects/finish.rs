//! The end of an upload: from parts to an object that may be seen.
//!
//! With an expected SHA-256: say so beside the object → complete → read it once → take the saying away.
//! Killed anywhere in between, the next look at the object does the rest; the object is not seen before.

use super::download::Sink;
use super::error::{bare, code, fault, is_missing, size};
use super::raw::received;
use super::{Encryption, S3Objects};
use ::upload::{RawFacts, RawStoreError, ReceivedPart};
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart, Part};
use bytes::Bytes as Octets;
use md5::Md5;
use sha2::{Digest, Sha256};
use stdx::Fault;
use vocab::Bytes;

/// How a completion ended.
enum Completed {
    Done,
    /// These were not what was listed.
    Wrong,
    /// The upload is gone, or an object stands already: perhaps by our own attempt whose answer was lost.
    Perhaps,
}

/// The ETag of what these parts make, where ETags are MD5 sums.
pub(super) fn composite_etag<'a>(etags: impl Iterator<Item = &'a str>) -> Option<String> {
    let (mut whole, mut count) = (Md5::new(), 0u32);
    for etag in etags {
        whole.update(hex::decode(etag).ok().filter(|d| d.len() == 16)?);
        count += 1;
    }
    Some(format!("{}-{count}", hex::encode(whole.finalize())))
}

/// Those of `asked` that are not there as they are asked for.
fn wrong(asked: &[ReceivedPart], there: &[Part]) -> Vec<u32> {
    let stands = |a: &&ReceivedPart| !there.iter().any(|p| received(p) == **a);
    asked.iter().filter(stands).map(|a| a.number).collect()
}

fn completed_part(part: &Part) -> CompletedPart {
    CompletedPart::builder()
        .set_part_number(part.part_number())
        .set_e_tag(part.e_tag().map(str::to_owned))
        .set_checksum_sha256(part.checksum_sha256().map(str::to_owned))
        .build()
}

fn sayings(name: &str) -> String {
    format!("{name}.expect")
}

impl S3Objects {
    pub(super) async fn finish_upload(
        &self,
        name: &str,
        ticket: &str,
        parts: &[ReceivedPart],
        expect: Option<&str>,
    ) -> Result<RawFacts, RawStoreError> {
        let there = self.parts(name, ticket).await?;
        let numbers = wrong(parts, &there);
        if !numbers.is_empty() {
            return Err(RawStoreError::Parts { numbers });
        }
        self.say_expected(name, expect).await?;
        let chosen = there.iter().filter(|p| parts.iter().any(|a| a.number == received(p).number));
        let chosen: Vec<_> = chosen.map(completed_part).collect();
        match self.complete(name, ticket, chosen).await? {
            Completed::Done | Completed::Perhaps => {}
            Completed::Wrong => return Err(self.refused_parts(name, ticket, parts).await),
        }
        let facts = self.facts(name).await?.filter(|f| self.is_made_of(f, parts));
        let facts = facts.ok_or(RawStoreError::NoSuchUpload)?;
        match expect {
            None => Ok(facts),
            Some(sha256) => self.verify(name, facts, sha256).await,
        }
    }

    /// A saying of an earlier call must not judge what this one makes.
    async fn say_expected(&self, name: &str, expect: Option<&str>) -> Result<(), RawStoreError> {
        match expect {
            None => Ok(self.delete_one(&sayings(name)).await?),
            Some(digits) if digits.len() == 64 && hex::decode(digits).is_ok() => {
                let said = Octets::from(digits.to_ascii_lowercase());
                Ok(self.put_bytes(&sayings(name), "text/plain", "private, no-store", said).await?)
            }
            Some(_) => Err(Fault::internal("the expected sha-256 is not 64 hexadecimal digits").into()),
        }
    }

    async fn complete(
        &self,
        name: &str,
        ticket: &str,
        parts: Vec<CompletedPart>,
    ) -> Result<Completed, RawStoreError> {
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        for attempt in 0..self.settings.policy.broken_max {
            let call = self.patient.complete_multipart_upload().bucket(self.bucket()).key(name);
            // What stands is never replaced: a second upload of the same key comes too late.
            let call = call.upload_id(ticket).multipart_upload(parts.clone()).if_none_match("*");
            let e = match call.send().await {
                Ok(_) => return Ok(Completed::Done),
                Err(e) => e,
            };
            match code(&e) {
                "NoSuchUpload" | "PreconditionFailed" => return Ok(Completed::Perhaps),
                "InvalidPart" | "InvalidPartOrder" | "EntityTooSmall" => return Ok(Completed::Wrong),
                // A racing completion of the same upload: who asks again hears how it ended.
                "ConditionalRequestConflict" => self.pause(attempt).await,
                _ => return Err(fault("completing an upload", e).into()),
            }
        }
        Err(Fault::unavailable("others complete uploads of the same key").into())
    }

    /// Which parts the store did not want: it names one at the most.
    async fn refused_parts(&self, name: &str, ticket: &str, asked: &[ReceivedPart]) -> RawStoreError {
        let there = match self.parts(name, ticket).await {
            Ok(there) => there,
            Err(e) => return e,
        };
        let mut numbers = wrong(asked, &there);
        if numbers.is_empty() {
            let all_but_last = asked.split_last().map_or(&[][..], |(_, rest)| rest);
            let small = all_but_last.iter().filter(|p| p.size < self.settings.policy.part_min);
            numbers = small.map(|p| p.number).collect();
        }
        RawStoreError::Parts { numbers }
    }

    /// Whether an object is these parts put together.
    fn is_made_of(&self, facts: &RawFacts, parts: &[ReceivedPart]) -> bool {
        let size: u64 = parts.iter().map(|p| p.size.0).sum();
        let composite = match self.settings.encryption {
            Encryption::Bucket => composite_etag(parts.iter().map(|p| p.etag.as_str())),
            Encryption::Kms { .. } => None,
        };
        let by_etag = match composite {
            Some(etag) => facts.etag == etag,
            // Keys name one upload: the length and the number of parts tell enough.
            None => facts.etag.ends_with(&format!("-{}", parts.len())),
        };
        facts.size.0 == size && by_etag
    }

    pub(super) async fn facts(&self, name: &str) -> Result<Option<RawFacts>, Fault> {
        match self.client.head_object().bucket(self.bucket()).key(name).send().await {
            Ok(head) => Ok(Some(RawFacts {
                size: Bytes(size(head.content_length())),
                etag: bare(head.e_tag()),
                sha256: None,
            })),
            Err(e) if is_missing(&e) => Ok(None),
            Err(e) => Err(fault("looking at an object", e)),
        }
    }

    /// The object, if it stands and nothing is left to be found out about it.
    pub(super) async fn verified(&self, name: &str) -> Result<Option<RawFacts>, RawStoreError> {
        let Some(facts) = self.facts(name).await? else { return Ok(None) };
        let Some(said) = self.whole(&sayings(name)).await? else { return Ok(Some(facts)) };
        let expected = String::from_utf8(said.to_vec()).map_err(Fault::corrupt)?;
        match self.verify(name, facts, &expected).await {
            Ok(facts) => Ok(Some(facts)),
            Err(RawStoreError::ChecksumMismatch { .. } | RawStoreError::NoSuchUpload) => Ok(None),
            Err(e) => Err(e),
        }
    }

    async fn verify(&self, name: &str, facts: RawFacts, expected: &str) -> Result<RawFacts, RawStoreError> {
        let mut whole = Sha256::new();
        let read = self.read_on(name, &facts.etag, 0..facts.size.0, Sink::Digest(&mut whole)).await?;
        if read.is_none() {
            // Another one who verified was faster, and found it wrong.
            return Err(RawStoreError::NoSuchUpload);
        }
        let found = hex::encode(whole.finalize());
        if !found.eq_ignore_ascii_case(expected) {
            self.remove_raw(name).await?;
            return Err(RawStoreError::ChecksumMismatch { found });
        }
        self.delete_one(&sayings(name)).await?;
        Ok(RawFacts { sha256: Some(found), ..facts })
    }

    /// The object before what is said of it: the other way round it would be seen unverified in between.
    pub(super) async fn remove_raw(&self, name: &str) -> Result<(), Fault> {
        self.delete_one(name).await?;
        self.delete_one(&sayings(name)).await
    }

    pub(super) async fn delete_one(&self, name: &str) -> Result<(), Fault> {
        match self.client.delete_object().bucket(self.bucket()).key(name).send().await {
            Ok(_) => Ok(()),
            Err(e) if is_missing(&e) => Ok(()),
            Err(e) => Err(fault("deleting an object", e)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_etag_of_a_whole_is_the_md5_of_the_md5s() {
        let parts = ["5d41402abc4b2a76b9719d911017c592", "7d793037a0760186574b0282f2f435e7"];
        let whole = composite_etag(parts.into_iter()).unwrap();
        // printf of the two digests through md5sum.
        let bytes: Vec<u8> = parts.iter().flat_map(|p| hex::decode(p).unwrap()).collect();
        assert_eq!(whole, format!("{}-2", hex::encode(Md5::digest(bytes))));
        assert_eq!(composite_etag(["opaque"].into_iter()), None);
    }
}
