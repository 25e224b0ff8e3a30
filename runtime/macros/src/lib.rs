//! The attributes of the enums that each module has, so that the bytes and the JSON of all modules have one form.
//!
//! Each attribute only stands for others, which its documentation lists. Numbers are written out in the enum itself:
//! borsh takes them from there. The crate is small because the compiler wants macros of this kind in a crate of their
//! own; modules use them through `diem_core`, which also brings borsh and serde.

use proc_macro::TokenStream;

/// The enum of a module's calls: `Debug`, `Clone`, equality, borsh by its numbers, and JSON in which `type` names the
/// call and a field that it does not know is an error.
#[proc_macro_attribute]
pub fn calls(_: TokenStream, item: TokenStream) -> TokenStream {
    numbered(r#"#[serde(rename_all = "snake_case", tag = "type", deny_unknown_fields)]"#, item)
}

/// The enum of a module's events: `Debug`, `Clone`, equality, borsh by its numbers, and JSON in which `type` names the
/// event.
#[proc_macro_attribute]
pub fn events(_: TokenStream, item: TokenStream) -> TokenStream {
    numbered(r#"#[serde(rename_all = "snake_case", tag = "type")]"#, item)
}

/// The enum of a module's questions over ABCI: `Debug`, `Clone`, equality, and borsh by its numbers.
#[proc_macro_attribute]
pub fn queries(_: TokenStream, item: TokenStream) -> TokenStream {
    before("", item)
}

/// The enum of a module's answers: `Debug`, `Clone`, equality, borsh by its numbers, and JSON that shows the value
/// alone, because whoever asked knows what it answers.
#[proc_macro_attribute]
pub fn answers(_: TokenStream, item: TokenStream) -> TokenStream {
    numbered("#[serde(untagged)]", item)
}

/// Puts the attributes of an enum with JSON before it.
fn numbered(json: &str, item: TokenStream) -> TokenStream {
    let serde = r#"#[derive(::diem_core::serde::Serialize, ::diem_core::serde::Deserialize)]
        #[serde(crate = "::diem_core::serde")]"#;
    before(&format!("{serde} {json}"), item)
}

/// Puts the attributes of every such enum and `more` before it.
fn before(more: &str, item: TokenStream) -> TokenStream {
    let borsh = r#"#[derive(Debug, Clone, PartialEq, Eq)]
        #[derive(::diem_core::borsh::BorshSerialize, ::diem_core::borsh::BorshDeserialize)]
        #[borsh(use_discriminant = true, crate = "::diem_core::borsh")]
        #[repr(u8)]"#;
    #[expect(clippy::expect_used, reason = "the attributes stand in this file")]
    let mut tokens: TokenStream = format!("{borsh} {more}").parse().expect("attributes are tokens");
    tokens.extend(item);
    tokens
}
