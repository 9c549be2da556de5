//! Every number of the door.

use vocab::{Bytes, Millis};

const MIB: u64 = 1024 * 1024;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DoorPolicy {
    /// S3's own: 5 MiB for every part but the last.
    pub part_min: Bytes,
    /// S3's own: 10,000 parts.
    pub part_count_max: u32,
    /// Largest body of one request, and largest object.
    pub body_max: Bytes,
    pub object_max: Bytes,
    /// Free space that is never given to objects: the database and the log live on the same disk.
    pub reserve: Bytes,
    /// A sender that is silent for this long is cut off.
    pub body_idle: Millis,
    /// A whole request may take this long.
    pub request_max: Millis,
    pub header_read: Millis,
    pub connections_max: usize,
    /// XML bodies (completions, deletions); 10,000 parts with checksums are 2 MB.
    pub xml_max: Bytes,
    /// S3's own: 1,000 a page.
    pub list_page_max: usize,
    /// S3's own: seven days.
    pub presign_life_max: Millis,
    /// Seed: short-lived URLs; 15 minutes.
    pub presign_life: Millis,
    /// S3's own: 2 KB of `x-amz-meta-*`.
    pub user_metadata_max: Bytes,
    /// An open multipart upload nobody finishes ends after this.
    pub multipart_life: Millis,
    pub sweep_every: Millis,
    /// How often what the listener refused is offered again.
    pub outbox_every: Millis,
    pub read_chunk: usize,
    /// Preflight answers may be kept this long.
    pub cors_max_age_s: u32,
    /// Open connections may finish within this on shutdown.
    pub drain: Millis,
}

impl Default for DoorPolicy {
    fn default() -> Self {
        Self {
            part_min: Bytes(5 * MIB),
            part_count_max: 10_000,
            body_max: Bytes(5 * 1024 * MIB),
            object_max: Bytes(5 * 1024 * MIB),
            reserve: Bytes(512 * MIB),
            body_idle: Millis::from_secs(30),
            request_max: Millis::from_secs(3600),
            header_read: Millis::from_secs(10),
            connections_max: 512,
            xml_max: Bytes(4 * MIB),
            list_page_max: 1_000,
            presign_life_max: Millis::from_secs(7 * 24 * 3600),
            presign_life: Millis::from_secs(15 * 60),
            user_metadata_max: Bytes(2_048),
            multipart_life: Millis::from_secs(48 * 3600),
            sweep_every: Millis::from_secs(3600),
            outbox_every: Millis::from_secs(5),
            read_chunk: 256 * 1024,
            cors_max_age_s: 3_600,
            drain: Millis::from_secs(8),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_of_s3_hold() {
        let p = DoorPolicy::default();
        assert_eq!((p.part_min, p.part_count_max, p.list_page_max), (Bytes(5 * 1024 * 1024), 10_000, 1_000));
        assert_eq!(p.presign_life, Millis(15 * 60 * 1000));
        assert!(p.presign_life <= p.presign_life_max);
    }
}
