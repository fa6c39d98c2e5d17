//! Command lines with one-letter options, as getopt(3) reads them.

/// The options of a command line in their order, then what is no option.
pub(super) struct Getopt<'a> {
    /// Options with their values, where they take one.
    pub options: Vec<(char, &'a str)>,
    /// The other words.
    pub operands: Vec<&'a str>,
}

impl<'a> Getopt<'a> {
    /// Reads the words after the command's name. `letters` is as in C: a colon after each option that takes a value.
    ///
    /// # Errors
    ///
    /// What getopt itself says about an unknown option, or one whose value is missing.
    pub fn read(args: &'a [String], letters: &str) -> Result<Getopt<'a>, String> {
        let name = args.first().map_or("", String::as_str);
        let mut read = Getopt { options: Vec::new(), operands: Vec::new() };
        let mut words = args.iter().skip(1).map(String::as_str);
        while let Some(word) = words.next() {
            if word == "--" {
                read.operands.extend(words);
                break;
            }
            let Some(mut bundle) = word.strip_prefix('-').filter(|bundle| !bundle.is_empty()) else {
                read.operands.push(word);
                continue;
            };
            while let Some(letter) = bundle.chars().next() {
                bundle = &bundle[letter.len_utf8()..];
                let place = letters.find(letter).filter(|_| letter != ':');
                let place = place.ok_or_else(|| format!("{name}: invalid option -- '{letter}'\n"))?;
                if !letters[place + letter.len_utf8()..].starts_with(':') {
                    read.options.push((letter, ""));
                    continue;
                }
                let value = if bundle.is_empty() { words.next() } else { Some(std::mem::take(&mut bundle)) };
                let missing = || format!("{name}: option requires an argument -- '{letter}'\n");
                read.options.push((letter, value.ok_or_else(missing)?));
            }
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was read: options as `c=3`, then the others.
    fn read(line: &str) -> Result<String, String> {
        let args: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let Getopt { options, operands } = Getopt::read(&args, "c:i:qn")?;
        let options: Vec<String> = options.iter().map(|(letter, value)| format!("{letter}={value}")).collect();
        Ok(format!("{} | {}", options.join(" "), operands.join(" ")))
    }

    #[test]
    fn options_may_stand_anywhere_and_together() {
        assert_eq!(read("ping 10.0.0.1 -qc3 -i 1 -- -n").unwrap(), "q= c=3 i=1 | 10.0.0.1 -n");
        assert_eq!(read("ping -z").unwrap_err(), "ping: invalid option -- 'z'\n");
        assert_eq!(read("ping -c").unwrap_err(), "ping: option requires an argument -- 'c'\n");
    }
}
