//! There is no float in what execution reaches, and the check would notice one.

use std::path::Path;

use diem_rooms_test::floats::{ALLOWED, FOLDERS, in_source, mentions};

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

#[test]
fn execution_counts_in_integers() {
    let found = mentions(root()).expect("the sources of this workspace");
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

#[test]
fn the_folders_and_the_allowed_places_exist() {
    for folder in FOLDERS {
        assert!(root().join(folder).is_dir(), "{folder}");
    }
    for (file, text, _) in ALLOWED {
        let source = std::fs::read_to_string(root().join(file)).expect(file);
        let used = in_source(&source).iter().any(|(_, word)| word == text);
        assert!(used, "{file} has no {text} any more: forbid it there too");
    }
}

fn found(source: &str) -> Vec<String> {
    in_source(source).into_iter().map(|(_, word)| word).collect()
}

#[test]
fn every_form_of_a_float_is_found() {
    for (source, word) in [
        ("fn half(x: f64) {}", "f64"),
        ("let x = y as f32;", "f32"),
        ("let x = f64::from(y);", "f64"),
        ("Vec<(u8,f32)>", "f32"),
        ("let x = 1.5;", "1.5"),
        ("let x = 1_000.0;", "1_000.0"),
        ("let x = 1.;", "1."),
        ("let x = 2e9;", "2e9"),
        ("let x = 2.5E-3;", "2.5E"),
        ("let x = 1f32;", "1f32"),
        ("let x = 1_f64;", "1_f64"),
        ("/* no */ let x: f64;", "f64"),
        ("let c = '\"'; let x = 1.5; let d = '\"';", "1.5"),
        ("fn f<'a>(x: &'a f64) {}", "f64"),
        ("let s = \"\\\"\"; let x = 0.5;", "0.5"),
        ("let s = r#\"\"1.0\"\"#; let x = 0.5;", "0.5"),
    ] {
        assert_eq!(found(source), [word], "{source}");
    }
}

#[test]
fn what_is_no_float_is_left_alone() {
    for source in [
        "let x = 1_000_000u64;",
        "let x = 0x1e5;",
        "let x = 0xf64;",
        "let x = pair.0.1;",
        "for x in 0..10 {}",
        "for x in 0..=1 {}",
        "let x = 1.min(2);",
        "let x = 5u8.pow(2);",
        "// 1.5 of an f64",
        "/// writes 12.5\nfn f() {}",
        "/* 1.5\n2.5 */",
        "let s = \"1.5 f64\";",
        "let s = \"\\\"1.5\";",
        "let s = r\"1.5\";",
        "let s = r#\"a \"1.5\" b\"#;",
        "let c = '\\'';",
        "let buf64 = of32;",
    ] {
        assert_eq!(found(source), Vec::<String>::new(), "{source}");
    }
}

#[test]
fn the_line_is_named() {
    let source = "//! 1.0\nlet s = \"a\n1.0\";\n\nlet x = 1.0;\n/*\n*/ let y: f32;";
    let found = in_source(source);
    assert_eq!(found, [(5, "1.0".to_owned()), (7, "f32".to_owned())]);
}
