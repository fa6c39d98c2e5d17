//! What ab prints at the end: output_results.

use super::options::Options;
use super::run::{Figures, Sample};

/// The shares of requests whose time is shown, in percent.
const PERCENTILES: [usize; 9] = [50, 66, 75, 80, 90, 95, 98, 99, 100];

/// The whole report.
pub(super) fn text(options: &Options, figures: &mut Figures) -> String {
    let mut text = totals(options, figures);
    if figures.samples.is_empty() {
        return text;
    }
    text.push_str(&times(options, &figures.samples));
    if options.percentiles && figures.samples.len() > 1 {
        figures.samples.sort_by_key(|sample| sample.total);
        text.push_str(&percentiles(&figures.samples));
    }
    text
}

fn totals(options: &Options, figures: &Figures) -> String {
    let seconds = (figures.last.since(figures.start).as_nanos() / 1000) as f64 / 1e6;
    let done = figures.samples.len();
    let length = if options.any_length { "Variable".to_owned() } else { format!("{} bytes", figures.length) };
    let mut lines = vec![
        String::new(),
        String::new(),
        format!("Server Software:        {}", figures.server),
        format!("Server Hostname:        {}", options.url.host),
        format!("Server Port:            {}", options.url.port),
        String::new(),
        format!("Document Path:          {}", options.url.path),
        format!("Document Length:        {length}"),
        String::new(),
        format!("Concurrency Level:      {}", options.concurrency),
        format!("Time taken for tests:   {seconds:.3} seconds"),
        format!("Complete requests:      {done}"),
        format!("Failed requests:        {}", figures.failed),
    ];
    if figures.failed > 0 {
        let Figures { failed_connect, failed_receive, failed_length, failed_otherwise, .. } = figures;
        lines.push(format!(
            "   (Connect: {failed_connect}, Receive: {failed_receive}, Length: {failed_length}, \
             Exceptions: {failed_otherwise})"
        ));
    }
    if figures.failed_writes > 0 {
        lines.push(format!("Write errors:           {}", figures.failed_writes));
    }
    if figures.not_2xx > 0 {
        lines.push(format!("Non-2xx responses:      {}", figures.not_2xx));
    }
    if options.keep_alive {
        lines.push(format!("Keep-Alive requests:    {}", figures.kept_alive));
    }
    lines.push(format!("Total transferred:      {} bytes", figures.read));
    if options.body.is_some() {
        lines.push(format!("Total body sent:        {}", figures.posted));
    }
    lines.push(format!("HTML transferred:       {} bytes", figures.body));
    if seconds > 0.0 && done > 0 {
        lines.extend(rates(options, figures, seconds));
    }
    lines.join("\n") + "\n"
}

fn rates(options: &Options, figures: &Figures, seconds: f64) -> Vec<String> {
    let done = figures.samples.len() as f64;
    let kilobytes = |bytes: u64| bytes as f64 / 1024.0 / seconds;
    let together = options.concurrency as f64;
    let mut lines = vec![
        format!("Requests per second:    {:.2} [#/sec] (mean)", done / seconds),
        format!("Time per request:       {:.3} [ms] (mean)", together * seconds * 1000.0 / done),
        format!("Time per request:       {:.3} [ms] (mean, across all concurrent requests)", seconds * 1000.0 / done),
        format!("Transfer rate:          {:.2} [Kbytes/sec] received", kilobytes(figures.read)),
    ];
    if options.body.is_some() {
        lines.push(format!("                        {:.2} kb/s sent", kilobytes(figures.posted)));
        lines.push(format!("                        {:.2} kb/s total", kilobytes(figures.read + figures.posted)));
    }
    lines
}

/// What the table says of one of the times of all requests: milliseconds, the deviation with a fraction.
struct Row {
    min: u64,
    mean: u64,
    deviation: f64,
    median: u64,
    max: u64,
}

impl Row {
    fn new(mut micros: Vec<u64>) -> Row {
        micros.sort_unstable();
        let count = micros.len();
        let mean = micros.iter().sum::<u64>() / count as u64;
        let squares: f64 = micros.iter().map(|time| (*time as f64 - mean as f64).powi(2)).sum();
        let deviation = if count > 1 { (squares / (count - 1) as f64).sqrt() } else { 0.0 };
        // ab takes the two in the middle of an odd number, and one of an even one.
        let median = if count > 1 && count % 2 == 1 {
            (micros[count / 2] + micros[count / 2 + 1]) / 2
        } else {
            micros[count / 2]
        };
        Row {
            min: millis(micros[0]),
            mean: millis(mean),
            deviation: deviation / 1000.0,
            median: millis(median),
            max: millis(micros[count - 1]),
        }
    }

    /// What ab thinks of the mean.
    fn doubt(&self, what: &str) -> String {
        let apart = self.mean.abs_diff(self.median) as f64;
        if apart > 2.0 * self.deviation {
            format!(
                "ERROR: The median and mean for {what} are more than twice the standard\n       \
                 deviation apart. These results are NOT reliable.\n"
            )
        } else if apart > self.deviation {
            format!(
                "WARNING: The median and mean for {what} are not within a normal deviation\n        \
                 These results are probably not that reliable.\n"
            )
        } else {
            String::new()
        }
    }
}

fn millis(micros: u64) -> u64 {
    (micros + 500) / 1000
}

fn times(options: &Options, samples: &[Sample]) -> String {
    let row = |time: fn(&Sample) -> u64| Row::new(samples.iter().map(time).collect());
    let rows = [
        ("Connect:    ", "the initial connection time", row(|sample| sample.connect)),
        ("Processing: ", "the processing time", row(|sample| sample.total.saturating_sub(sample.connect))),
        ("Waiting:    ", "the waiting time", row(|sample| sample.wait)),
        ("Total:      ", "the total time", row(|sample| sample.total)),
    ];
    let mut text = "\nConnection Times (ms)\n".to_owned();
    if !options.confidence {
        text.push_str("              min   avg   max\n");
        for (name, _, Row { min, mean, max, .. }) in rows {
            text.push_str(&format!("{name}{min:>5} {mean:>5}{max:>5}\n"));
        }
        return text;
    }
    text.push_str("              min  mean[+/-sd] median   max\n");
    for (name, _, Row { min, mean, deviation, median, max }) in &rows {
        text.push_str(&format!("{name}{min:>5} {mean:>4} {deviation:>5.1} {median:>6} {max:>7}\n"));
    }
    text.extend(rows.iter().map(|(_, what, row)| row.doubt(what)));
    text
}

/// Of samples in the order of their times.
fn percentiles(samples: &[Sample]) -> String {
    let mut text = "\nPercentage of the requests served within a certain time (ms)\n".to_owned();
    for share in PERCENTILES {
        if share < 100 {
            let time = samples[samples.len() * share / 100].total;
            text.push_str(&format!("  {share}%  {:>5}\n", millis(time)));
        } else {
            text.push_str(&format!(" 100%  {:>5} (longest request)\n", millis(samples[samples.len() - 1].total)));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_a_column() {
        let row = Row::new(vec![4000, 1000, 2000]);
        assert_eq!((row.min, row.mean, row.median, row.max), (1, 2, 3, 4));
        assert_eq!(format!("{:.1}", row.deviation), "1.5");
        let even = Row::new(vec![1000, 2000, 3000, 9000]);
        assert_eq!((even.mean, even.median), (4, 3));
        assert_eq!(Row::new(vec![1400]).median, 1);
    }

    #[test]
    fn a_mean_far_from_the_median_is_doubted() {
        let row = |mean, deviation| Row { min: 0, mean, deviation, median: 0, max: 9 };
        assert!(row(5, 1.0).doubt("x").starts_with("ERROR"));
        assert!(row(5, 3.0).doubt("x").starts_with("WARNING"));
        assert_eq!(row(1, 3.0).doubt("x"), "");
    }
}
