//! The README's pictures are what lvslab draws today; those in reports/ are held by `tests/reports.rs`.

mod support;

use std::fs;
use std::process::Command;

/// A picture, and the arguments that draw it.
const PICTURES: &[(&str, &[&str])] = &[("docs/dr.svg", &["topo", "scenarios/dr.ron", "--svg"])];

#[test]
fn pictures_are_fresh() {
    for (path, arguments) in PICTURES {
        let output = Command::new(env!("CARGO_BIN_EXE_lvslab"))
            .args(*arguments)
            .current_dir(support::project())
            .output()
            .expect("lvslab starts");
        let drawn = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        support::assert_fresh(path, &drawn);
    }
}

/// What --svg, --dot and --text write, and where.
#[test]
fn a_picture_is_written_over_but_nothing_else() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("pictures");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    let draw = |name: &str| {
        let mut lvslab = Command::new(env!("CARGO_BIN_EXE_lvslab"));
        lvslab.args(["topo", "dr", "--svg", "-o"]).arg(folder.join(name)).output().expect("lvslab starts").status.code()
    };
    assert_eq!([draw("a.svg"), draw("a.svg"), draw("a.png"), draw("a.png")], [Some(0); 4]);
    fs::write(folder.join("b.svg"), "<svg>mine</svg>").unwrap();
    assert_eq!(draw("b.svg"), Some(2));
    assert_eq!(fs::read_to_string(folder.join("b.svg")).unwrap(), "<svg>mine</svg>");
}

/// A file that is called so is a PNG file: of twice the size, in the colours of bright pages, with letters.
#[test]
fn png_where_it_is_asked_for() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("png");
    fs::create_dir_all(&folder).unwrap();
    let kinds = [&["topo", "dr"][..], &["trace", "dr", "arp"], &["plot", "dr", "--what", "share"]];
    for (kind, arguments) in kinds.into_iter().enumerate() {
        let file = folder.join(format!("{kind}.png"));
        let lvslab = |output: &std::path::Path| {
            let mut lvslab = Command::new(env!("CARGO_BIN_EXE_lvslab"));
            lvslab.args(arguments).arg("-o").arg(output).output().expect("lvslab starts")
        };
        let svg = file.with_extension("svg");
        assert!(lvslab(&svg).status.success());
        let drawn = lvslab(&file);
        assert!(drawn.status.success(), "{}", String::from_utf8_lossy(&drawn.stderr));

        let mut reader = png::Decoder::new(std::io::Cursor::new(fs::read(&file).unwrap())).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        let svg = fs::read_to_string(svg).unwrap();
        assert!(svg.contains(&format!("width=\"{}\" height=\"{}\"", info.width / 2, info.height / 2)), "{kind}");
        let white = pixels.chunks(4).filter(|pixel| *pixel == [255; 4]).count();
        let dark = pixels.chunks(4).filter(|pixel| pixel[..3].iter().all(|part| *part < 80)).count();
        let all = pixels.len() / 4;
        assert!(white > all / 2 && white < all * 99 / 100, "{kind}: {white} of {all} are white");
        assert!(dark > all / 500, "{kind}: {dark} of {all} are ink");
    }
}
