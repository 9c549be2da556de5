//! An owner's places, as a value: what engines keep in one item an owner.

use crate::port::{Limits, Reservation, UploadStoreError, Usage};
use serde::{Deserialize, Serialize};
use vocab::{Bytes, Millis, UploadId};

/// A place counts for so long.
pub const DAY: Millis = Millis::from_secs(24 * 3600);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    pub upload: UploadId,
    pub size: Bytes,
    pub at: Millis,
    pub open: bool,
}

/// Never longer than the limits allow uploads a day.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Places(pub Vec<Place>);

impl Places {
    pub fn usage(&self, now: Millis) -> Usage {
        let since = now.saturating_sub(DAY);
        self.0.iter().filter(|p| p.at > since).fold(Usage::default(), |u, p| Usage {
            open: u.open + u32::from(p.open),
            day_uploads: u.day_uploads + 1,
            day_bytes: u.day_bytes.saturating_add(p.size),
        })
    }

    /// When the oldest place leaves the window.
    fn retry_after(&self, now: Millis) -> Option<Millis> {
        self.0.iter().map(|p| p.at.saturating_add(DAY).saturating_sub(now)).min()
    }

    /// Takes a place, or says which limit is in the way. The same upload twice is one place.
    pub fn reserve(&mut self, new: &Reservation, limits: &Limits) -> Result<Usage, UploadStoreError> {
        let since = new.at.saturating_sub(DAY);
        self.0.retain(|p| p.at > since);
        if !self.0.iter().any(|p| p.upload == new.upload) {
            let used = self.usage(new.at);
            let wait = self.retry_after(new.at);
            let quota = |what, limit, retry_after| Err(UploadStoreError::Quota { what, limit, retry_after });
            if used.open >= limits.open_max {
                return quota("open uploads", u64::from(limits.open_max), None);
            }
            if used.day_uploads >= limits.day_uploads_max {
                return quota("uploads a day", u64::from(limits.day_uploads_max), wait);
            }
            if used.day_bytes.saturating_add(new.size) > limits.day_bytes_max {
                return quota("bytes a day", limits.day_bytes_max.0, wait);
            }
            self.0.push(Place { upload: new.upload, size: new.size, at: new.at, open: true });
        }
        Ok(self.usage(new.at))
    }

    /// The upload is no longer open; `refund` takes it out of the day's account too.
    pub fn release(&mut self, upload: UploadId, refund: bool) {
        self.0.retain(|p| !(refund && p.upload == upload));
        for place in self.0.iter_mut().filter(|p| p.upload == upload) {
            place.open = false;
        }
    }

    /// The youngest place: a day later nothing here counts.
    pub fn youngest(&self) -> Option<Millis> {
        self.0.iter().map(|p| p.at).max()
    }
}
