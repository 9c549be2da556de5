//! The web client inside the binary.

use api::web::Site;
use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "../../clients/web/dist"]
struct Dist;

pub fn site() -> Site {
    Site::new(Dist::iter().filter_map(|path| {
        let file = Dist::get(&path)?;
        Some((path.into_owned(), file.data))
    }))
}
