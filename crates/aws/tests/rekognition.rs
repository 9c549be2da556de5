//! Rekognition behind moderation's ports: on a fake of ours, with the tables on their double.

#[path = "rekognition/fake.rs"]
mod fake;
#[path = "rekognition/frames.rs"]
mod frames;
#[path = "rekognition/golden.rs"]
mod golden;
#[path = "rekognition/judged.rs"]
mod judged;
#[path = "rekognition/rig.rs"]
mod rig;
mod support;
#[path = "rekognition/video.rs"]
mod video;

use moderation::conformance_second_look::second_look_cases;

fn main() {
    // Rows through every weather; the service itself as it should be.
    let mut all = Vec::new();
    for storm in support::Storm::ALL {
        let engine = format!("rekognition+{}", storm.word());
        all.extend(testkit::trials(&engine, second_look_cases(), move || rig::stage(storm)));
    }
    all.extend(frames::trials());
    all.extend(video::trials());
    all.extend(judged::trials());
    all.extend(golden::trials());
    testkit::main(all)
}
