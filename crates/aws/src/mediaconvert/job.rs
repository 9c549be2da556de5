//! A plan as a job of the service. Pure: the same order gives the same request, byte for byte.

use super::policy::{Captures, Effort, INPUT_FILE_MAX, RECIPE};
use super::sound::{self, Level};
use super::timecode::clip;
use ::catalog::SourceFacts;
use ::moderation::port::Loudness;
use ::transcode::policy::{EncoderProfile, qvbr_tenths};
use ::transcode::{LadderPlan, PlannedRung};
use aws_sdk_mediaconvert::types as t;
use sha2::{Digest, Sha256};
use stdx::Fault;
use vocab::{Codec, Millis, VideoId};

/// Keys of a job's metadata: by them events and look-ups find the claim.
pub mod meta {
    pub const VIDEO: &str = "video";
    pub const PLAN: &str = "plan";
    pub const WORK: &str = "work";
    pub const ATTEMPT: &str = "attempt";
}

/// Every file's name begins with this.
pub const BASE: &str = "t";
/// The modifier of the sound's file; a rung's is its name.
pub const SOUND: &str = "audio";
const STILL: &str = "still";
const SELECTOR: &str = "Audio Selector 1";

/// How jobs are made, for all videos.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobSettings {
    /// What the service may do with the bucket, by ARN.
    pub role: String,
    /// Name or ARN; empty = the account's default.
    pub queue: String,
    pub effort: Effort,
    pub captures: Option<Captures>,
}

/// Everything a job depends on.
#[derive(Debug, Clone)]
pub struct Order<'a> {
    pub video: VideoId,
    pub plan: &'a LadderPlan,
    pub facts: &'a SourceFacts,
    pub loudness: Option<Loudness>,
    /// `s3://…` of the raw object.
    pub input: String,
    pub settings: &'a JobSettings,
}

/// What is sent.
#[derive(Debug, Clone)]
pub struct Request {
    pub token: String,
    pub metadata: Vec<(&'static str, String)>,
    pub settings: t::JobSettings,
}

impl Order<'_> {
    /// Names the work: equal orders have equal names, whoever asks and however often.
    pub fn work(&self) -> String {
        let mut digest = Sha256::new();
        let loudness = self.level().map(|l| format!("{} {}", l.target_centi, l.peak_centi));
        let of_settings = format!("{:?} {:?}", self.settings.effort, self.settings.captures);
        for part in [
            &RECIPE.to_string(),
            &self.video.to_string(),
            &self.plan.fingerprint(),
            &self.input,
            &loudness.unwrap_or_default(),
            &of_settings,
        ] {
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part.as_bytes());
        }
        hex::encode(&digest.finalize()[..16])
    }

    /// What the sound is brought to; `None` = it stays as it is.
    pub fn level(&self) -> Option<Level> {
        sound::level(self.plan.audio.as_ref()?, self.loudness?)
    }

    /// The request of one attempt. `destination` = `s3://…/`, where nobody else writes.
    pub fn request(&self, work: &str, attempt: u32, destination: &str) -> Result<Request, Fault> {
        if self.input.len() > INPUT_FILE_MAX {
            return Err(Fault::internal(format!(
                "no job can be looked up by an input as long as {}",
                self.input
            )));
        }
        let metadata = vec![
            (meta::VIDEO, self.video.to_string()),
            (meta::PLAN, self.plan.fingerprint()),
            (meta::WORK, work.to_owned()),
            (meta::ATTEMPT, attempt.to_string()),
        ];
        let mut settings = t::JobSettings::builder()
            .timecode_config(t::TimecodeConfig::builder().source(t::TimecodeSource::Zerobased).build())
            .inputs(self.source())
            .output_groups(self.tracks(destination)?);
        if let Some(captures) = self.settings.captures {
            settings = settings.output_groups(self.stills(destination, captures)?);
        }
        Ok(Request { token: format!("{work}-{attempt}"), metadata, settings: settings.build() })
    }

    fn source(&self) -> t::Input {
        let mut input = t::Input::builder()
            .file_input(&self.input)
            .timecode_source(t::InputTimecodeSource::Zerobased)
            // Without it a phone's portrait video lies on its side.
            .video_selector(t::VideoSelector::builder().rotate(t::InputRotate::Auto).build());
        if self.plan.audio.is_some() {
            let selector = t::AudioSelector::builder().default_selection(t::AudioDefaultSelection::Default);
            input = input.audio_selectors(SELECTOR, selector.build());
        }
        if let Some((start, end)) = clip(self.plan, self.facts) {
            let clipping = t::InputClipping::builder().start_timecode(start).end_timecode(end);
            input = input.input_clippings(clipping.build());
        }
        input.build()
    }

    /// One CMAF file a rung and one for the sound.
    fn tracks(&self, destination: &str) -> Result<t::OutputGroup, Fault> {
        // Our packager cuts where a fragment begins: at every key frame.
        let seconds = whole_seconds(self.plan.gop_ms)?;
        let cmaf = t::CmafGroupSettings::builder()
            .destination(format!("{destination}{BASE}"))
            .segment_control(t::CmafSegmentControl::SingleFile)
            .segment_length(seconds)
            .fragment_length(seconds)
            .segment_length_control(t::CmafSegmentLengthControl::Exact)
            .write_hls_manifest(t::CmafWriteHlsManifest::Enabled)
            .write_dash_manifest(t::CmafWriteDashManifest::Disabled)
            .codec_specification(t::CmafCodecSpecification::Rfc4281)
            .pts_offset_handling_for_b_frames(t::CmafPtsOffsetHandlingForBFrames::ZeroBased)
            .video_composition_offsets(t::CmafVideoCompositionOffsets::Signed)
            .target_duration_compatibility_mode(t::CmafTargetDurationCompatibilityMode::SpecCompliant);
        let settings = t::OutputGroupSettings::builder()
            .r#type(t::OutputGroupType::CmafGroupSettings)
            .cmaf_group_settings(cmaf.build());
        let mut group = t::OutputGroup::builder().name("tracks").output_group_settings(settings.build());
        for rung in &self.plan.rungs {
            let picture = self.picture(rung)?;
            let output = t::Output::builder().name_modifier(format!("_{}", rung.name));
            group = group.outputs(output.container_settings(container()).video_description(picture).build());
        }
        if let Some(profile) = &self.plan.audio {
            let output = t::Output::builder().name_modifier(format!("_{SOUND}"));
            let sound = sound::description(profile, self.level(), SELECTOR)?;
            group = group.outputs(output.container_settings(container()).audio_descriptions(sound).build());
        }
        Ok(group.build())
    }

    fn picture(&self, rung: &PlannedRung) -> Result<t::VideoDescription, Fault> {
        if rung.codec != Codec::H264 {
            let said = "rungs of another codec than H.264 are made by encoder.url = \"ffmpeg:\" only";
            return Err(Fault::internal(said));
        }
        let colour = t::ColorCorrector::builder()
            .color_space_conversion(t::ColorSpaceConversion::Force709)
            .hdr_to_sdr_tone_mapper(t::HdrToSdrToneMapper::PreserveDetails);
        let codec =
            t::VideoCodecSettings::builder().codec(t::VideoCodec::H264).h264_settings(self.h264(rung)?);
        Ok(t::VideoDescription::builder()
            // Exactly the planned size, which verification asks for; the rounding is below a pixel.
            .width(small(rung.width)?)
            .height(small(rung.height)?)
            .scaling_behavior(t::ScalingBehavior::StretchToOutput)
            .codec_settings(codec.build())
            .video_preprocessors(t::VideoPreprocessor::builder().color_corrector(colour.build()).build())
            .build())
    }

    fn h264(&self, rung: &PlannedRung) -> Result<t::H264Settings, Fault> {
        let (level, fine) = quality(rung.crf_centi);
        let cap = small(rung.max_kbps.0)?.saturating_mul(1_000);
        let effort = match (self.settings.effort, self.plan.encoder) {
            (Effort::Balanced, EncoderProfile::Tuned) => t::H264QualityTuningLevel::SinglePassHq,
            (Effort::Economy, _) | (_, EncoderProfile::Economy) => t::H264QualityTuningLevel::SinglePass,
        };
        let qvbr =
            t::H264QvbrSettings::builder().qvbr_quality_level(level).qvbr_quality_level_fine_tune(fine);
        Ok(t::H264Settings::builder()
            .rate_control_mode(t::H264RateControlMode::Qvbr)
            .qvbr_settings(qvbr.build())
            .max_bitrate(cap)
            .hrd_buffer_size(cap.saturating_mul(2))
            // Full, the first segment may be twice the cap.
            .hrd_buffer_initial_fill_percentage(50)
            .quality_tuning_level(effort)
            .codec_profile(t::H264CodecProfile::High)
            .codec_level(t::H264CodecLevel::Auto)
            .interlace_mode(t::H264InterlaceMode::Progressive)
            .gop_size(self.plan.gop_ms.0 as f64 / 1_000.0)
            .gop_size_units(t::H264GopSizeUnits::Seconds)
            .gop_closed_cadence(1)
            .scene_change_detect(t::H264SceneChangeDetect::Disabled)
            .framerate_control(t::H264FramerateControl::Specified)
            .framerate_numerator(small(self.plan.fps)?)
            .framerate_denominator(1)
            .framerate_conversion_algorithm(t::H264FramerateConversionAlgorithm::DuplicateDrop)
            .par_control(t::H264ParControl::Specified)
            .par_numerator(1)
            .par_denominator(1)
            .write_mp4_packaging_type(t::H264WriteMp4PackagingType::Avc1)
            .build())
    }

    fn stills(&self, destination: &str, captures: Captures) -> Result<t::OutputGroup, Fault> {
        let every = captures.every.0.clamp(1, i64::from(i32::MAX)) as i32;
        let frames = t::FrameCaptureSettings::builder()
            .framerate_numerator(1_000)
            .framerate_denominator(every)
            .max_captures(small(captures.count_max.max(1))?)
            .quality(i32::from(captures.quality.clamp(1, 100)));
        let codec = t::VideoCodecSettings::builder()
            .codec(t::VideoCodec::FrameCapture)
            .frame_capture_settings(frames.build());
        let largest = self.plan.rungs.last().ok_or_else(|| Fault::internal("a plan without rungs"))?;
        let picture = t::VideoDescription::builder()
            .width(small(largest.width)?)
            .height(small(largest.height)?)
            .scaling_behavior(t::ScalingBehavior::StretchToOutput)
            .codec_settings(codec.build());
        let output = t::Output::builder()
            .name_modifier(format!("_{STILL}"))
            .container_settings(t::ContainerSettings::builder().container(t::ContainerType::Raw).build())
            .video_description(picture.build());
        let files = t::FileGroupSettings::builder().destination(format!("{destination}{BASE}")).build();
        let settings = t::OutputGroupSettings::builder()
            .r#type(t::OutputGroupType::FileGroupSettings)
            .file_group_settings(files);
        let group = t::OutputGroup::builder().name("stills").output_group_settings(settings.build());
        Ok(group.outputs(output.build()).build())
    }
}

fn container() -> t::ContainerSettings {
    t::ContainerSettings::builder().container(t::ContainerType::Cmfc).build()
}

fn small(n: u32) -> Result<i32, Fault> {
    i32::try_from(n).map_err(Fault::internal)
}

/// The service cuts at whole seconds only.
fn whole_seconds(length: Millis) -> Result<i32, Fault> {
    if length.0 < 1_000 || length.0 % 1_000 != 0 {
        let said = format!("MediaConvert makes segments of whole seconds, not of {} ms", length.0);
        return Err(Fault::internal(said));
    }
    i32::try_from(length.0 / 1_000).map_err(Fault::internal)
}

/// The quality level of a CRF and what is added to it, in the thirds that the service knows.
pub fn quality(crf_centi: u16) -> (i32, f64) {
    const THIRDS: [f64; 3] = [0.0, 0.33, 0.67];
    let tenths = u32::from(qvbr_tenths(crf_centi));
    let thirds = ((tenths * super::policy::QVBR_STEPS + 5) / 10).clamp(3, 30);
    ((thirds / 3) as i32, THIRDS[(thirds % 3) as usize])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn qualities_are_the_seeds_levels_in_thirds() {
        // Seed §4: "QVBR level 6–7".
        assert_eq!(quality(2_400), (7, 0.0));
        assert_eq!(quality(2_600), (6, 0.0));
        assert_eq!(quality(2_500), (6, 0.67));
        assert_eq!(quality(0), (10, 0.0));
        assert_eq!(quality(u16::MAX), (1, 0.0));
    }

    #[test]
    fn every_quality_is_within_the_services_bounds() {
        for crf in 0..=6_000 {
            let (level, fine) = quality(crf);
            assert!((1..=10).contains(&level) && (0.0..1.0).contains(&fine), "{crf}");
            assert!(level < 10 || fine == 0.0, "{crf}");
        }
    }

    #[test]
    fn segments_are_whole_seconds() {
        assert_eq!(whole_seconds(Millis(2_000)).expect("whole"), 2);
        assert!(whole_seconds(Millis(1_500)).is_err() && whole_seconds(Millis(0)).is_err());
    }
}
