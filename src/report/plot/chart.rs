//! What all plots have in common: a heading, axes with units, a legend, colours for bright and dark pages.

use plotters::prelude::*;

use crate::svg::{Font, escape, width, wrap};

/// A plot before it is drawn.
pub(super) struct Chart {
    /// What it shows, for its heading.
    pub heading: String,
    /// What the axes mean, with units.
    pub axes: [&'static str; 2],
    /// How far the axes go; they begin at zero.
    pub ends: [f64; 2],
    /// Its curves and bars; later ones lie above.
    pub series: Vec<Series>,
}

/// A curve, or bars.
pub(super) struct Series {
    /// What it is, for the legend; series without a name are not in it.
    pub name: String,
    /// Which of the colours it has.
    pub colour: usize,
    /// How it is drawn.
    pub shape: Shape,
}

/// How a series is drawn.
pub(super) enum Shape {
    /// A curve through these points.
    Line(Vec<(f64, f64)>),
    /// A dashed curve through these points.
    Dashed(Vec<(f64, f64)>),
    /// Bars: left, right, lower and upper end.
    Bars(Vec<[f64; 4]>),
}

const SIZE: (u32, u32) = (860, 460);
const PAGE: RGBColor = RGBColor(0xff, 0xff, 0xff);
const INK: RGBColor = RGBColor(0x1a, 0x24, 0x33);
const SOFT: RGBColor = RGBColor(0x5b, 0x67, 0x79);
const RULE: RGBColor = RGBColor(0xd5, 0xdb, 0xe3);

/// The colours of Okabe and Ito that show on paper, and what they become on dark pages. The blue is darker than theirs: the
/// first three are different greys where there is no colour.
const COLOURS: [(RGBColor, &str, &str); 7] = [
    (RGBColor(0x00, 0x4b, 0x87), "#004B87", "#4fa8dc"),
    (RGBColor(0xd5, 0x5e, 0x00), "#D55E00", "#f0813a"),
    (RGBColor(0x00, 0x9e, 0x73), "#009E73", "#2fc397"),
    (RGBColor(0xcc, 0x79, 0xa7), "#CC79A7", "#dc97c0"),
    (RGBColor(0xe6, 0x9f, 0x00), "#E69F00", "#f2b632"),
    (RGBColor(0x56, 0xb4, 0xe9), "#56B4E9", "#7cc6f0"),
    (RGBColor(0x6b, 0x6b, 0x6b), "#6B6B6B", "#b0b0b0"),
];

/// How many series can be told apart.
pub(super) const MOST: usize = COLOURS.len();

fn colour(at: usize) -> RGBColor {
    COLOURS[at % COLOURS.len()].0
}

impl Chart {
    /// The plot as a file of its own.
    pub fn svg(&self, scenario: &str) -> String {
        let mut body = String::new();
        // Writing to a string cannot fail; were it to, the plot would be empty.
        let _ = self.draw(&mut body, scenario);
        let description: Vec<_> = self.series.iter().map(|it| it.name.as_str()).filter(|it| !it.is_empty()).collect();
        let description = format!("{} over {}: {}.", self.axes[1], self.axes[0], description.join(", "));
        dress(&body, &format!("{}: {scenario}", self.heading), &description)
    }

    fn draw(&self, body: &mut String, scenario: &str) -> Result<(), String> {
        let area = SVGBackend::with_string(body, SIZE).into_drawing_area();
        let text = |error: DrawingAreaErrorKind<_>| error.to_string();
        area.fill(&PAGE).map_err(text)?;
        let heading = ("sans-serif", 19).into_font().style(FontStyle::Bold).color(&INK);
        area.draw_text(&self.heading, &heading, (22, 16)).map_err(text)?;
        let scenario = wrap(scenario, Font::Plain, 800).swap_remove(0);
        area.draw_text(&scenario, &("sans-serif", 13).into_font().color(&SOFT), (22, 42)).map_err(text)?;
        let below = self.legend(&area).map_err(text)?;
        let [right, top] = self.ends;
        let mut chart = ChartBuilder::on(&area)
            .margin_top(below)
            .margin_right(26)
            .margin_bottom(14)
            .margin_left(14)
            .x_label_area_size(44)
            .y_label_area_size(58)
            .build_cartesian_2d(0.0..right, 0.0..top)
            .map_err(text)?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(RULE)
            .axis_style(SOFT)
            .label_style(("sans-serif", 13).into_font().color(&SOFT))
            .axis_desc_style(("sans-serif", 14).into_font().color(&INK))
            .x_desc(self.axes[0])
            .y_desc(self.axes[1])
            .x_label_formatter(&|value| number(*value))
            .y_label_formatter(&|value| number(*value))
            .draw()
            .map_err(text)?;
        for series in &self.series {
            let colour = colour(series.colour);
            let (line, thin) = (colour.stroke_width(2), colour.stroke_width(1));
            let drawn = match &series.shape {
                Shape::Line(points) => chart.draw_series(LineSeries::new(points.iter().copied(), line)),
                Shape::Dashed(points) => chart.draw_series(DashedLineSeries::new(points.iter().copied(), 6, 5, thin)),
                Shape::Bars(bars) => chart
                    .draw_series(bars.iter().map(|&[left, right, low, high]| {
                        Rectangle::new([(left, low), (right, high)], colour.filled())
                    })),
            };
            drawn.map_err(text)?;
        }
        area.present().map_err(text)
    }

    /// The names of the series, in rows above the plot, where they hide nothing; and where the plot may begin.
    fn legend<DB: DrawingBackend>(
        &self,
        area: &DrawingArea<DB, plotters::coord::Shift>,
    ) -> Result<i32, DrawingAreaErrorKind<DB::ErrorType>> {
        let (left, right) = (22, SIZE.0 as i32 - 22);
        let (mut x, mut y) = (left, 70);
        for series in self.series.iter().filter(|series| !series.name.is_empty()) {
            let wide = 26 + width(&series.name, Font::Plain) + 18;
            if x > left && x + wide > right {
                (x, y) = (left, y + 20);
            }
            let colour = colour(series.colour).filled();
            let (height, keys) = match series.shape {
                Shape::Dashed(_) => (1, [(0, 7), (11, 18)]),
                Shape::Line(_) => (2, [(0, 9), (9, 18)]),
                Shape::Bars(_) => (5, [(0, 9), (9, 18)]),
            };
            for (from, to) in keys {
                area.draw(&Rectangle::new([(x + from, y + 7 - height), (x + to, y + 7 + height)], colour))?;
            }
            area.draw_text(&series.name, &("sans-serif", 13).into_font().color(&INK), (x + 25, y))?;
            x += wide;
        }
        Ok(y + 32)
    }
}

/// A number on an axis: no more places than it needs.
fn number(value: f64) -> String {
    let text = format!("{value:.3}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// Gives a picture of plotters' a title, a description, and colours for dark pages.
fn dress(body: &str, title: &str, description: &str) -> String {
    let mut style = String::from(
        "text{font-family:ui-sans-serif,system-ui,'Segoe UI',Roboto,'Liberation Sans',Arial,sans-serif}\
         @media(prefers-color-scheme:dark){",
    );
    let neutral = [("#FFFFFF", "#12171f"), ("#1A2433", "#e8edf4"), ("#5B6779", "#a5b1c2"), ("#D5DBE3", "#323c4b")];
    for (bright, dark) in neutral.into_iter().chain(COLOURS.iter().map(|(_, bright, dark)| (*bright, *dark))) {
        style += &format!("[fill=\"{bright}\"]{{fill:{dark}}}[stroke=\"{bright}\"]{{stroke:{dark}}}");
    }
    style.push('}');
    let (head, rest) = body.split_once('>').unwrap_or((body, ""));
    let head = head.replacen("<svg", "<svg class=\"lvslab\" role=\"img\"", 1);
    let (title, description) = (escape(title), escape(description));
    format!("{head}>\n<title>{title}</title>\n<desc>{description}</desc>\n<style>{style}</style>{rest}")
}

/// A round number that is not less.
pub(super) fn round_up(value: f64) -> f64 {
    let mut unit = 1.0_f64;
    while unit < value {
        unit *= 10.0;
    }
    while unit / 10.0 >= value && unit > 1e-9 {
        unit /= 10.0;
    }
    let steps = [0.1, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0];
    steps.into_iter().map(|step| step * unit).find(|end| *end >= value).unwrap_or(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_end_at_round_numbers() {
        let ends = [0.0, 0.7, 1.0, 3.3, 17.0, 256.0].map(round_up);
        assert_eq!(ends.map(number), ["0", "0.8", "1", "4", "20", "300"]);
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!([0.0, -0.0001, 2.0, 0.25, 1e3].map(number), ["0", "0", "2", "0.25", "1000"]);
    }
}
