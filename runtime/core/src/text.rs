//! What a sender's strings may hold where a wallet shows them in the text of a call, and how much of a stranger's text
//! an error repeats.

/// A text of a stranger, short enough to be repeated in an error: its first 80 characters.
pub fn shortened(text: &str) -> String {
    const LONGEST: usize = 80;
    match text.char_indices().nth(LONGEST) {
        None => text.into(),
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
    }
}

/// Whether `text` stays what it is when it stands in double quotes within a line: it has no double quotes, no line
/// ends or other control characters, nothing that turns the direction of writing, and nothing that takes no room. With
/// those a name could end its quotes and go on as if the rest were the chain's own words.
///
/// Consensus: the sets are written out, because those of a library change with the edition of Unicode.
pub fn is_plain(text: &str) -> bool {
    !text.chars().any(bends)
}

const fn bends(c: char) -> bool {
    match c {
        '"' => true,
        // Control characters (Cc).
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' => true,
        // Line and paragraph separators.
        '\u{2028}' | '\u{2029}' => true,
        _ => is_ignorable(c),
    }
}

/// Whether `c` is shown as nothing where it is not understood: all of `Default_Ignorable_Code_Point` of Unicode 14.0
/// (`DerivedCoreProperties.txt` of the Unicode Character Database), and the annotation marks U+FFF9 to U+FFFB. Among
/// them is whatever turns the direction of writing, and also the joiners and the selectors of variants that some
/// scripts and emoji use: with those, two names that look the same could be two.
const fn is_ignorable(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
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
        // As many as Unicode counts, and the three annotation marks.
        assert_eq!((0..=0x10_ffff).filter_map(char::from_u32).filter(|c| is_ignorable(*c)).count(), 4_174 + 3);
    }
}
