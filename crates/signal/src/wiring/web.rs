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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_that_asks_for_the_usual_icon_gets_the_apps() {
        if Dist::get("index.html").is_none() {
            println!("skipped: the web client is not built");
            return;
        }
        let site = site();
        assert_eq!(site.find("/favicon.ico").map(|f| f.content_type), Some("image/png"));
    }
}
