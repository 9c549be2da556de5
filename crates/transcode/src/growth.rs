//! Adds rungs to a published video: a new package over the renditions of the old one.

use crate::error::Halt;
use crate::names::{Names, Run};
use crate::port::{Encoded, MediaStore, Progress};
use crate::shelf::{Shelf, ShelfError, Shelved, put_over};
use crate::strays::{self, Claims};
use crate::transcoder::{Order, TranscodeError, Transcoder};
use crate::waves::Wave;
use catalog::{Edit, Growth, Package, QualityFacts, RenditionFacts, Tracks, Video, VideoStoreError, moves};
use moderation::work_dir::WorkDir;
use stdx::{Fault, crash};
use vocab::{Kbps, MediaKey, Millis, RungName, Status, VideoId};

/// Points at which a test may kill the process.
pub const GROWING: &str = "transcode.growing";
pub const GROWN_ENCODED: &str = "transcode.grown.encoded";
pub const GROWN_STORED: &str = "transcode.grown.stored";
pub const GROWN_VERIFIED: &str = "transcode.grown.verified";
pub const GROWN: &str = "transcode.grown";

/// Tries of the swap against edits by the owner.
const SWAP_TRIES: u32 = 8;

/// How a wave ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grown {
    /// Viewers are shown the new rungs, or there is nothing to add any more.
    Done,
    /// The video is on its way, or what it shows was changed meanwhile.
    NotYet,
}

impl Transcoder {
    /// Encodes what `wave` is for and shows it in a new package in place of the one that is shown, if the
    /// video is still public then. The old package stays as it is for those who play it.
    pub async fn grow(
        &self,
        id: VideoId,
        wave: Wave,
        run: Run,
        progress: Progress,
    ) -> Result<Grown, TranscodeError> {
        let Some(video) = self.settled(id).await? else { return Ok(Grown::Done) };
        if video.status.is_in_flight() {
            return Ok(Grown::NotYet);
        }
        let wrote_in_vain = match self.missing(&video, wave) {
            Missing::Nothing => false,
            // A look at what is published orders this one again.
            Missing::Earlier => return Ok(Grown::Done),
            Missing::Rungs(package, rungs) => {
                match self.add(&video, package, (wave, &rungs), (run, progress)).await {
                    Ok(grown) => !grown,
                    Err(Halt::Refused(reason)) => return Err(TranscodeError::Refused(reason)),
                    // Another run may have ended it, and deleted what this one was about to read.
                    Err(Halt::Again(e)) => match self.is_missing(id, wave).await? {
                        true => return Err(e),
                        false => true,
                    },
                }
            }
        };
        let overtaken = wrote_in_vain && self.is_missing(id, wave).await?;
        // While rungs are missing, an earlier claim that lost its lease without knowing may yet show its own.
        let claims = if overtaken { Claims::Own } else { Claims::with_own(wrote_in_vain) };
        strays::remove(&self.0, id, run, claims).await?;
        Ok(if overtaken { Grown::NotYet } else { Grown::Done })
    }

    /// After the last attempt: viewers keep what they are shown. A claim that failed took its own writings
    /// back; what a killed one left stays while `wave` has rungs to add, as nobody knows whether it was killed.
    pub async fn give_up_growing(&self, id: VideoId, wave: Wave, run: Run) -> Result<(), TranscodeError> {
        if self.is_missing(id, wave).await? {
            return Ok(());
        }
        strays::remove(&self.0, id, run, Claims::EarlierAndOwn).await
    }

    /// The video, after a short wait where its publication is under way.
    async fn settled(&self, id: VideoId) -> Result<Option<Video>, TranscodeError> {
        let waves = &self.0.profile.waves;
        for _ in 0..waves.looks {
            let video = self.find(id).await?;
            if video.as_ref().is_none_or(|v| v.status != Status::Verifying) {
                return Ok(video);
            }
            tokio::time::sleep(waves.look_again.to_duration()).await;
        }
        self.find(id).await
    }

    async fn is_missing(&self, id: VideoId, wave: Wave) -> Result<bool, TranscodeError> {
        let video = self.find(id).await?;
        Ok(video.is_some_and(|v| !matches!(self.missing(&v, wave), Missing::Nothing)))
    }

    pub(crate) fn wave_again_at(&self) -> Millis {
        self.0.clock.now().saturating_add(self.0.profile.waves.wait)
    }

    fn missing<'v>(&self, video: &'v Video, wave: Wave) -> Missing<'v> {
        let Some(package) = video.package.as_ref().filter(|_| video.status.is_readable()) else {
            return Missing::Nothing;
        };
        let profile = &self.0.profile;
        let rungs = profile.missing(wave, package);
        if rungs.is_empty() {
            return Missing::Nothing;
        }
        // Each swaps the package the other started from.
        if wave != Wave::Second && !profile.missing(Wave::Second, package).is_empty() {
            return Missing::Earlier;
        }
        Missing::Rungs(package, rungs)
    }

    /// `false`: somebody else changed what is shown.
    async fn add(
        &self,
        video: &Video,
        old: &Package,
        (wave, rungs): (Wave, &[RungName]),
        (run, progress): (Run, Progress),
    ) -> Result<bool, Halt> {
        let mut order = self.order(video).await?.only(rungs);
        if order.plan.rungs.is_empty() {
            // The profile has no such rung any more.
            let names = Names::new(video, run);
            return Ok(self.swap(video.id, old, (&without(old, wave, rungs), &names)).await?);
        }
        if wave == Wave::Av1 {
            order.plan = order.plan.in_av1(old.quality.as_ref());
        }
        crash::reached(GROWING);
        let work = self.work_dir(video)?;
        let names = Names::new(video, run);
        let shelf = Shelf { media: self.0.media.as_ref(), video, names: &names };
        // In AV1 a rung has the quality that was chosen for it.
        let (order, quality) = match wave {
            Wave::Av1 => (order, None),
            Wave::Second | Wave::Top => self.tuned(video.id, order, &work).await?,
        };
        let mut encoded = self.encode(video, &order, &work, &progress).await?;
        crash::reached(GROWN_ENCODED);
        if self.find(video.id).await?.is_none_or(|v| shown_instead(&v, old).is_none()) {
            return Ok(false);
        }
        let order = if wave == Wave::Av1 { self.worth(old, &mut encoded, order).await? } else { order };
        if encoded.rungs.is_empty() {
            return Ok(self.swap(video.id, old, (&without(old, wave, rungs), &names)).await?);
        }
        match self.make_grown(&shelf, (old, quality), (&order, &encoded), (&work, &progress)).await {
            Ok(package) => {
                let package = without(&package, wave, rungs);
                let swapped = self.swap(video.id, old, (&package, &names)).await?;
                crash::reached(GROWN);
                Ok(swapped)
            }
            Err(halt) => {
                strays::withdraw(&self.0, video, run).await;
                Err(halt)
            }
        }
    }

    /// Stores what was encoded in a package with what `old` shows, and looks at it as a viewer would.
    async fn make_grown(
        &self,
        shelf: &Shelf<'_>,
        (old, quality): (&Package, Option<QualityFacts>),
        (order, encoded): (&Order, &Encoded),
        (work, progress): (&WorkDir, &Progress),
    ) -> Result<Package, Halt> {
        let shelved = shelf.put_renditions(encoded, &order.plan).await?;
        let useless = self.useless(old, &shelved, order);
        let package = shelf.put_grown(old, &shelved, &useless, &order.draft).await?;
        let package = Package { quality: recorded(old.quality.clone(), quality, useless), ..package };
        crash::reached(GROWN_STORED);
        self.verify(shelf, order, (&shelved, &package), (work, progress)).await?;
        crash::reached(GROWN_VERIFIED);
        Ok(package)
    }

    /// Published rungs that the new ones make useless. The new are kept, as they are paid for.
    fn useless(&self, old: &Package, shelved: &[Shelved], order: &Order) -> Vec<RungName> {
        let policy = &self.0.profile.per_title;
        if !policy.enabled {
            return vec![];
        }
        let added = shelved.iter().map(|s| s.facts.clone());
        let all = old.renditions.iter().cloned().chain(added).filter(|r| r.codec().is_h264());
        let all: Vec<RenditionFacts> = all.collect();
        let muxed = order.plan.audio.as_ref().filter(|_| old.tracks.sound.is_none());
        let audio = muxed.map_or(Kbps(0), |a| a.kbps);
        let mut useless = policy.useless(&all, audio);
        // Players start with the first of the old ones, at the size they know: it stays.
        let start = old.renditions.first().map(|r| r.rung);
        useless.retain(|r| Some(*r) != start && old.renditions.iter().any(|o| o.rung == *r));
        useless
    }

    /// Keeps the AV1 rungs that viewers are better off with.
    async fn worth(&self, old: &Package, encoded: &mut Encoded, order: Order) -> Result<Order, Halt> {
        let (plan, policy) = (&order.plan, &self.0.profile.av1);
        let lengths = plan.packaging.lengths(plan.gop_ms, plan.segment_ms);
        let muxed = plan.audio.as_ref().filter(|_| old.tracks.sound.is_none() && old.has_audio);
        let sound = muxed.map_or(0, |a| a.kbps.0);
        let mut kept = Vec::new();
        for (track, rung) in encoded.rungs.iter().zip(&plan.rungs) {
            let beside = old.renditions.iter().find(|r| r.rung == rung.name && r.codec().is_h264());
            let Some(beside) = beside else { continue };
            let picture = tokio::fs::read(&track.path).await.map_err(Fault::from)?;
            let made = packager::pack(&picture, None, &lengths).map_err(ShelfError::from)?;
            let h264 = Kbps(beside.average_kbps.0.saturating_sub(sound));
            let is_worth = policy.is_worth(&made, rung.max_kbps, h264);
            let (peak, average) = (made.peak_bps / 1000, made.average_bps / 1000);
            tracing::info!(rung = %rung.name, peak, average, h264 = h264.0, is_worth, "encoded in AV1");
            if is_worth {
                kept.push(rung.name);
            }
        }
        encoded.rungs.retain(|t| kept.contains(&t.rung));
        Ok(order.only(&kept))
    }

    /// Shows `new` in the place of `old`, or of what its owner made of that meanwhile. `false`: the video shows
    /// nobody any of these.
    async fn swap(
        &self,
        id: VideoId,
        old: &Package,
        (new, names): (&Package, &Names),
    ) -> Result<bool, TranscodeError> {
        let mut outcome = Err(TranscodeError::Encoder("the record changes without end".into()));
        for _ in 0..SWAP_TRIES {
            let Some(video) = self.find(id).await? else { return Ok(false) };
            let Some(shown) = shown_instead(&video, old) else { return Ok(false) };
            let package = if shown.id == old.id {
                new.clone()
            } else {
                redressed(self.0.media.as_ref(), &video, (shown, new), names).await?
            };
            let growth = Growth { instead_of: shown.id, package };
            let edit = Edit { package: Some(growth), ..Edit::default() };
            match self.0.videos.edit(id, video.revision, edit).await {
                Ok(_) => return Ok(true),
                // Its owner wrote something meanwhile, or it is gone: the next look tells.
                Err(e @ VideoStoreError::Stale { .. }) => outcome = Err(e.into()),
                Err(e) => return Err(e.into()),
            }
        }
        outcome
    }
}

/// The package that viewers are shown, if it is `old` or has the same renditions and waits for the same ones:
/// then its owner changed the captions or the cover, and what was made to follow `old` may follow it.
fn shown_instead<'v>(video: &'v Video, old: &Package) -> Option<&'v Package> {
    let shown = video.package.as_ref().filter(|p| moves::may_grow(video, p.id))?;
    let is_same = shown.renditions == old.renditions
        && shown.pending == old.pending
        && shown.tracks.sound == old.tracks.sound
        && shown.tracks.av1 == old.tracks.av1;
    (shown.id == old.id || is_same).then_some(shown)
}

/// `new` with the captions and pictures of `shown`, stored under a name of its own: what stands under that of
/// `new` may have been read.
async fn redressed(
    media: &dyn MediaStore,
    video: &Video,
    (shown, new): (&Package, &Package),
    names: &Names,
) -> Result<Package, ShelfError> {
    let id = names.package_over(shown.id);
    let tracks = Tracks { av1: new.tracks.av1.clone(), ..shown.tracks.clone() };
    let package = Package { id, tracks, blurhash: shown.blurhash.clone(), ..new.clone() };
    let poster = MediaKey::Poster { video: video.id, package: shown.id };
    put_over(media, (video.id, poster), shown, &package).await?;
    Ok(package)
}

/// The package that waits for these rungs no longer.
fn without(package: &Package, wave: Wave, rungs: &[RungName]) -> Package {
    let mut package = package.clone();
    match wave {
        Wave::Second | Wave::Top => package.pending.retain(|r| !rungs.contains(r)),
        Wave::Av1 => package.tracks.av1.extend(rungs),
    }
    package
}

/// What earlier waves recorded and what this one does.
fn recorded(
    old: Option<QualityFacts>,
    new: Option<QualityFacts>,
    useless: Vec<RungName>,
) -> Option<QualityFacts> {
    let (old, mut facts) = match (old, new) {
        (old, Some(new)) => (old, new),
        (Some(old), None) => (None, old),
        (None, None) => return None,
    };
    if let Some(old) = old {
        facts.crf_centi.splice(0..0, old.crf_centi);
        facts.dropped.splice(0..0, old.dropped);
    }
    facts.dropped.extend(useless);
    Some(facts)
}

/// What a video lacks of a wave.
enum Missing<'v> {
    Nothing,
    /// An earlier wave.
    Earlier,
    Rungs(&'v Package, Vec<RungName>),
}
