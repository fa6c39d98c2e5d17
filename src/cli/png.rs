//! Pictures as PNG, for those whom SVG does not help.
//!
//! The letters are those of DejaVu, which are part of the program: a picture is the same wherever it is drawn.

use std::io;
use std::sync::Arc;

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::fontdb::Database;
use resvg::usvg::{Options, Tree};

use crate::svg;

/// How many pixels of a file stand for one of a picture: enough to be printed.
const SCALE: f32 = 2.0;

/// One of our SVG pictures as a PNG file, in the colours of bright pages.
///
/// # Errors
///
/// If the picture is too large.
pub fn png(picture: &str) -> io::Result<Vec<u8>> {
    let options = Options { fontdb: Arc::new(letters()), ..Options::default() };
    let tree = Tree::from_str(&svg::plain(picture), &options).map_err(io::Error::other)?;
    let size = tree.size().to_int_size().scale_by(SCALE);
    let pixels = size.and_then(|size| Pixmap::new(size.width(), size.height()));
    let mut pixels =
        pixels.ok_or_else(|| io::Error::other("the picture is too large for a PNG file; SVG has no limit"))?;
    resvg::render(&tree, Transform::from_scale(SCALE, SCALE), &mut pixels.as_mut());

    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, pixels.width(), pixels.height());
    encoder.set_color(png::ColorType::Rgba);
    // Whoever writes over it later knows it by this.
    encoder.add_text_chunk("Software".to_owned(), "lvslab".to_owned())?;
    encoder.write_header()?.write_image_data(&pixels.take_demultiplied())?;
    Ok(file)
}

fn letters() -> Database {
    let mut letters = Database::new();
    // The narrow faces: pictures leave room for what most pages use, and that is narrower than DejaVu.
    for face in [dejavu::sans_condensed::regular(), dejavu::sans_condensed::bold(), dejavu::sans_mono::regular()] {
        letters.load_font_data(face.to_vec());
    }
    letters.set_sans_serif_family("DejaVu Sans");
    letters.set_monospace_family("DejaVu Sans Mono");
    letters
}
