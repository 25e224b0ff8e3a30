//! The characters that a sender's strings may hold where a wallet shows them in the text of a call, and how much of a
//! stranger's text an error repeats.

/// A text of a stranger, short enough to be repeated in an error: its first 80 characters.
pub fn shortened(text: &str) -> String {
    const LONGEST: usize = 80;
    match text.char_indices().nth(LONGEST) {
        None => text.into(),
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
    }
}

/// Whether `text` stays what it is when it stands in double quotes within a line: it has no double quotes, no line ends
/// or other control characters, nothing that turns the direction of writing, and no zero-width characters. With those a
/// name could end its quotes and go on as if the rest were the chain's own words.
///
/// The verdict is consensus: the sets are written out, because those of a library change with the edition of Unicode.
pub fn is_plain(text: &str) -> bool {
    !text.chars().any(bends)
}

const fn bends(c: char) -> bool {
    match c {
        '"' => true,
        // These are the control characters (category Cc).
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' => true,
        // These separate lines and paragraphs.
        '\u{2028}' | '\u{2029}' => true,
        _ => is_ignorable(c),
    }
}

/// Whether `c` is shown as nothing (zero-width) where it is not understood: all of `Default_Ignorable_Code_Point` of
/// Unicode 14.0 (`DerivedCoreProperties.txt` of the Unicode Character Database), and the annotation marks U+FFF9 to
/// U+FFFB. Among them is whatever turns the direction of writing, and also the joiners and the selectors of variants
/// that some scripts and emoji use: with those, two names that look the same could be two.
const fn is_ignorable(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Whether `text` shows nothing: it is empty, or holds nothing but blanks. A name like that could be anybody's.
///
/// The verdict is consensus: the set is Unicode's `White_Space`, which is written out for the reason above, with the
/// blank of Braille.
pub fn is_blank(text: &str) -> bool {
    text.chars().all(|c| {
        matches!(c,
            '\t'..='\r' | ' ' | '\u{85}' | '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{2028}' | '\u{2029}'
            | '\u{202f}' | '\u{205f}' | '\u{2800}' | '\u{3000}')
    })
}

/// Whether `text` is an absolute http or https URL as RFC 3986 writes one: a host by name or address, perhaps a port,
/// and then path, query and fragment. A name before the host is none: `https://bank.example@evil.example` only looks
/// like the bank's.
///
/// The verdict is consensus, and so made without a library, whose reading changes with the edition of Unicode: names of
/// other scripts are written in their ASCII form (`xn--...`), as they stand in the domain name system.
pub fn is_web_url(text: &str) -> bool {
    let scheme = |scheme: &str| text.get(..scheme.len()).filter(|start| start.eq_ignore_ascii_case(scheme));
    let Some(scheme) = scheme("https://").or_else(|| scheme("http://")) else { return false };
    let rest = text.get(scheme.len()..).unwrap_or_default();
    let (authority, rest) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    is_authority(authority) && is_url_rest(rest)
}

/// A host with an optional port.
fn is_authority(authority: &str) -> bool {
    let (host, port) = match authority.strip_prefix('[') {
        Some(address) => match address.split_once(']') {
            Some((address, port)) if address.parse::<std::net::Ipv6Addr>().is_ok() => (None, port),
            _ => return false,
        },
        None => {
            let (host, port) = authority.split_at(authority.find(':').unwrap_or(authority.len()));
            (Some(host), port)
        }
    };
    host.is_none_or(is_host) && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port))
}

/// Whether it is a name of the domain name system, or an IPv4 address, which has the same form.
fn is_host(host: &str) -> bool {
    // A name may end with the dot of the root.
    let labels = host.strip_suffix('.').unwrap_or(host);
    let is_label = |label: &str| {
        let inner = label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        inner && (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-')
    };
    host.len() <= 253 && labels.split('.').all(is_label)
}

fn is_port(port: &str) -> bool {
    port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port != 0)
}

/// Whether path, query and fragment have only the characters of RFC 3986, and percent signs only before two hex digits.
fn is_url_rest(rest: &str) -> bool {
    let bytes = rest.as_bytes();
    let hex_follows = |at: usize| {
        let digits = bytes.get(at.saturating_add(1)..at.saturating_add(3));
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    let is_good = |(at, byte): (usize, &u8)| match byte {
        b'%' => hex_follows(at),
        byte => byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/?#".contains(byte),
    };
    // A second mark of a fragment would belong to the fragment, where RFC 3986 has none.
    rest.matches('#').count() <= 1 && bytes.iter().enumerate().all(is_good)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_repeated_up_to_80_characters() {
        assert_eq!(shortened(&"ä".repeat(80)), "ä".repeat(80));
        assert_eq!(shortened(&"ä".repeat(60_000)), format!("{}…", "ä".repeat(80)));
    }

    #[test]
    fn blanks_of_any_width_show_nothing() {
        for text in ["", " ", "   ", "\t \n", "\u{a0}", "\u{2003}\u{3000}", "\u{2800}"] {
            assert!(is_blank(text), "{text:?}");
        }
        for text in ["a", " a ", ".", "\u{3000}ν", "0"] {
            assert!(!is_blank(text), "{text:?}");
        }
    }

    #[test]
    fn web_addresses_are_urls() {
        let good = [
            "http://d",
            "https://one.example",
            "HTTPS://One.Example/",
            "http://127.0.0.1:8402",
            "http://[::1]:8402/v1",
            "https://ai.example/v1?model=a%20b#top",
            "https://xn--mller-kva.example./",
            "https://my_host.internal:65535?x",
        ];
        for text in good {
            assert!(is_web_url(text), "{text}");
        }
    }

    #[test]
    fn what_a_browser_would_not_open_as_a_web_page_is_no_url() {
        let bad = [
            "",
            "e",
            "one.example",
            "https://",
            "https:///path",
            "https:one.example",
            "ftp://one.example",
            "javascript:alert(1)",
            "data:text/html,x",
            "http://:80",
            "http://a..b",
            "http://-a.example",
            "http://a.example:0",
            "http://a.example:65536",
            "http://a.example:",
            "http://a.example:+80",
            "http://[::1",
            "http://[1.2.3]",
            "http://[::1]80",
            "https://bank.example@evil.example",
            "https://user:secret@one.example",
            "https://one.example/a b",
            "https://one.example/%2",
            "https://one.example/<script>",
            "https://one.example/#a#b",
            "https://one.example\\evil",
            "https://mü.example",
            " https://one.example",
        ];
        for text in bad {
            assert!(!is_web_url(text), "{text}");
        }
    }

    #[test]
    fn names_and_links_are_plain() {
        for text in ["", "north", "https://one.example/a?b=c#d", "Müller & Söhne", "節点", "ν 7", "O'Brien", "🚀"]
        {
            assert!(is_plain(text), "{text}");
        }
    }

    #[test]
    fn what_ends_the_quotes_the_line_or_the_direction_is_not() {
        let bad = [
            "a\" and send all",
            "\"",
            "a\nb",
            "a\rb",
            "a\tb",
            "\0",
            "a\u{7f}",
            "a\u{85}b",
            "a\u{9f}",
            "a\u{2028}b",
            "a\u{2029}b",
            "a\u{61c}b",
            "a\u{200f}b",
            "a\u{202e}b",
            "a\u{2067}b",
            "a\u{200b}b",
            "a\u{2060}b",
            "\u{feff}a",
        ];
        for text in bad {
            assert!(!is_plain(text), "{text:?}");
        }
    }

    #[test]
    fn what_takes_no_room_is_not() {
        // The first and the last of each range; what stands before and after it is plain.
        let ranges = [
            (0xad, 0xad),
            (0x34f, 0x34f),
            (0x61c, 0x61c),
            (0x115f, 0x1160),
            (0x17b4, 0x17b5),
            (0x180b, 0x180f),
            (0x200b, 0x200f),
            (0x202a, 0x202e),
            (0x2060, 0x206f),
            (0x3164, 0x3164),
            (0xfe00, 0xfe0f),
            (0xfeff, 0xfeff),
            (0xffa0, 0xffa0),
            (0xfff0, 0xfffb),
            (0x1_bca0, 0x1_bca3),
            (0x1_d173, 0x1_d17a),
            (0xe_0000, 0xe_0fff),
        ];
        let plain = |code: u32| char::from_u32(code).map(|c| is_plain(&format!("a{c}b")));
        for (first, last) in ranges {
            for code in first..=last {
                assert_eq!(plain(code), Some(false), "{code:x}");
            }
            // U+2029 stands before the embeddings and ends a line.
            for code in [first - 1, last + 1].into_iter().filter(|code| *code != 0x2029) {
                assert_eq!(plain(code), Some(true), "{code:x}");
            }
        }
        // Unicode counts that many, and the three annotation marks come on top.
        assert_eq!((0..=0x10_ffff).filter_map(char::from_u32).filter(|c| is_ignorable(*c)).count(), 4_174 + 3);
    }
}
