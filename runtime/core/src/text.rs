//! What a sender's strings may hold where a wallet shows them in the text of a call.

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
        // Marks, embeddings, overrides and isolates of the direction of writing.
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => true,
        // Spaces and joiners without a width, except the joiners that scripts and emoji need.
        '\u{200b}' | '\u{2060}' | '\u{feff}' => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_links_are_plain() {
        for text in
            ["", "north", "https://one.example/a?b=c#d", "Müller & Söhne", "節点", "ν 7", "O'Brien", "👩\u{200d}🚀"]
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
}
