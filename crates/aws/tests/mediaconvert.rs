//! The MediaConvert engine against a service that keeps time, repeats itself, forgets and refuses.

#[path = "mediaconvert/fake.rs"]
mod fake;
#[path = "mediaconvert/flow.rs"]
mod flow;
#[path = "mediaconvert/golden.rs"]
mod golden;
#[path = "mediaconvert/kills.rs"]
mod kills;
#[path = "mediaconvert/patience.rs"]
mod patience;
#[path = "mediaconvert/render.rs"]
mod render;
#[path = "mediaconvert/rig.rs"]
mod rig;
#[allow(dead_code, reason = "only its calm half is used")]
#[path = "support/s3.rs"]
mod s3;
mod support;

fn main() {
    s3::serve_if_asked();
    let mut all = golden::trials();
    all.extend(flow::trials());
    all.extend(kills::trials());
    all.extend(patience::trials());
    testkit::main(all)
}
