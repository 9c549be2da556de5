//! The object ports on our own S3 endpoint: another process, its signatures checked, in all weathers.

#[path = "support/s3.rs"]
mod s3;
#[path = "objects_s3/mod.rs"]
mod suite;
mod support;

fn main() {
    s3::serve_if_asked();
    testkit::main(suite::all())
}
