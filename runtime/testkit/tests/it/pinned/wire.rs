//! The page of the book from which a client can be written: every module, message, field, text, and gas. Fields and
//! their meaning are read from the definitions that borsh encodes; examples are the calls that are pinned beside this.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use diem_core::{CallGas, tx::CallBody as _, typed_data};
use diem_types::Call;
use serde_json::Value;
use syn::{Attribute, Expr, Fields, GenericArgument, Item, ItemEnum, Lit, Meta, PathArguments, Type};

use super::{bytes_of, calls::calls};

/// The modules that have calls: their byte, their name, and where they lie.
const MODULES: [(u8, &str); 6] = [(1, "bank"), (2, "staking"), (3, "svvv"), (4, "diem"), (6, "credits"), (7, "bridge")];

const HEAD: &str = "# The wire

Every call that a transaction can hold, as bytes. What surrounds calls, and how a transaction is signed, is told in
[Transactions](transactions.md). This page is generated from the definitions that the chain decodes;
`DIEM_UPDATE_DOCS=1 cargo test -p diem-testkit --test it pinned::wire` writes it.

A call is its module's number, its message's number, and the fields of the message in the order of their table, all in
[borsh](https://borsh.io). The two numbers, the first one high, are the `kind` that an Ethereum key signs.

| type | bytes |
|---|---|
| `u8`, `u16`, `u32`, `u64`, `u128`, `i64` | little-endian |
| `bool` | one byte, 0 or 1 |
| `amount` | a `u128` of base units: 10^-18 of a VVV, a DIEM or a credit |
| `address` | 20 bytes |
| `N bytes` | as they are, without a length |
| `text` | its length in bytes as `u32`, then UTF-8 |
| `list of T` | how many as `u32`, then one after the other |
| `option of T` | 0, or 1 and the value |
| any other name | the fields of that [type](#types), or its number where it is an enum |

**Text** is what a wallet shows and what an Ethereum key signs beside the bytes. Amounts in it are whole units without
trailing zeros and with their unit, addresses have the checksum of EIP-55. The example shows the form with every field that
can be there.

**Gas** is what the call costs, and what each item of a list in it costs; a transaction also pays for itself, its bytes and its
signatures. `/v1/params` has all of it as numbers, the calls' in `gas_of_calls`: by module and `type`, `base`, and in `per_item`
the gas of an item by the field that holds the list (after a dot, a field inside that one). `POST /v1/simulate` computes it for any transaction.
";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Every struct, enum and constant of a folder of sources, by name.
fn items(folder: &Path, found: &mut BTreeMap<String, Item>) {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            items(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let file = syn::parse_file(&fs::read_to_string(&path).unwrap()).unwrap();
            for item in file.items {
                let name = match &item {
                    Item::Struct(item) => item.ident.to_string(),
                    Item::Enum(item) => item.ident.to_string(),
                    Item::Const(item) => item.ident.to_string(),
                    _ => continue,
                };
                found.entry(name).or_insert(item);
            }
        }
    }
}

/// The first paragraph of a doc comment, in one line.
fn words(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter_map(|attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            Expr::Lit(literal) => match &literal.lit {
                Lit::Str(text) => Some(text.value().trim().to_owned()),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    });
    let paragraph: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
    // A link to another item of the code leads nowhere on a page.
    paragraph.join(" ").replace("[`", "`").replace("`]", "`").replace('|', "\\|")
}

/// The page with the number of each constant that a comment names.
fn with_numbers(page: &str, items: &BTreeMap<String, Item>) -> String {
    let mut page = page.to_owned();
    for (name, item) in items {
        if let Item::Const(item) = item
            && let Expr::Lit(literal) = &*item.expr
            && let Lit::Int(number) = &literal.lit
        {
            page = page.replace(&format!("`{name}`"), number.base10_digits());
        }
    }
    page
}

/// A type as the page names it; the types that it needs explained go to `needed`.
fn shape(kind: &Type, needed: &mut BTreeSet<String>) -> String {
    match kind {
        Type::Array(array) => {
            let Expr::Lit(length) = &array.len else { panic!("an array of a named length") };
            let Lit::Int(length) = &length.lit else { panic!("an array has a number of items") };
            format!("{length} bytes")
        }
        Type::Path(path) => {
            let last = path.path.segments.last().unwrap();
            let inner = |needed: &mut BTreeSet<String>| {
                let PathArguments::AngleBracketed(arguments) = &last.arguments else { panic!("{}", last.ident) };
                match arguments.args.first().unwrap() {
                    GenericArgument::Type(kind) => shape(kind, needed),
                    _ => panic!("{}", last.ident),
                }
            };
            match last.ident.to_string().as_str() {
                "Option" => format!("option of {}", inner(needed)),
                "Vec" => format!("list of {}", inner(needed)),
                "String" => "text".into(),
                "Amount" => "amount".into(),
                "Address" => "address".into(),
                number @ ("u8" | "u16" | "u32" | "u64" | "u128" | "i64" | "bool") => number.into(),
                named => {
                    needed.insert(named.into());
                    format!("[{named}](#{})", named.to_lowercase())
                }
            }
        }
        _ => panic!("a type that borsh does not encode by itself"),
    }
}

fn table(fields: &Fields, needed: &mut BTreeSet<String>) -> String {
    if fields.is_empty() {
        return "No fields.\n".into();
    }
    if let Fields::Unnamed(only) = fields
        && let Some(field) = only.unnamed.first()
    {
        return format!("The fields of {}.\n", shape(&field.ty, needed));
    }
    let mut text = String::from("| field | type | meaning |\n|---|---|---|\n");
    for field in fields {
        let name = field.ident.as_ref().unwrap();
        writeln!(text, "| `{name}` | {} | {} |", shape(&field.ty, needed), words(&field.attrs)).unwrap();
    }
    text
}

fn number_of(variant: &syn::Variant) -> u8 {
    let Some((_, Expr::Lit(literal))) = &variant.discriminant else { panic!("{} has no number", variant.ident) };
    let Lit::Int(number) = &literal.lit else { panic!("{} has no number", variant.ident) };
    number.base10_parse().unwrap()
}

fn snake(name: &str) -> String {
    let mut text = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.push(c.to_ascii_lowercase());
    }
    text
}

/// The module and the type of a call, and its fields, as JSON has them.
fn as_json(call: &Call) -> (String, String, Value) {
    let Value::Object(call) = serde_json::to_value(call).unwrap() else { panic!("a call is an object") };
    let (module, message) = call.into_iter().next().unwrap();
    (module, message["type"].as_str().unwrap().to_owned(), message)
}

/// The row of a call in the table of gas.
fn row_of(call: &Call) -> &'static CallGas {
    let (module, name, _) = as_json(call);
    let (_, rows) = Call::GAS.iter().find(|(of, _)| *of == module).unwrap();
    rows.iter().find(|row| row.name == name).unwrap_or_else(|| panic!("{module} {name} has no gas"))
}

fn message(module: u8, variant: &syn::Variant, examples: &[Call], needed: &mut BTreeSet<String>) -> String {
    let number = number_of(variant);
    let kind = u16::from_be_bytes([module, number]);
    let is_it = |call: &&Call| typed_data::kind(&diem_core::encode(*call)) == kind;
    let example = examples.iter().find(is_it).unwrap_or_else(|| panic!("no example of {}", variant.ident));
    let mut text = format!("\n### {number} `{}`\n\n{}\n\n", snake(&variant.ident.to_string()), words(&variant.attrs));
    text += &table(&variant.fields, needed);
    let bytes = bytes_of(example);
    let shown = if bytes.len() > 400 { format!("{}… ({} bytes)", &bytes[..400], bytes.len() / 2) } else { bytes };
    let json = serde_json::to_string(example).unwrap();
    let json = if json.len() > 1_000 { String::new() } else { format!("json   {json}\n") };
    let (call_text, row) = (example.text(), row_of(example));
    let per_item = row.per_item.map_or_else(String::new, |item| format!(" + {} for each of {}", item.gas, item.list));
    write!(text, "\n```text\ntext   {call_text}\ngas    {}{per_item}\nbytes  {shown}\n{json}```\n", row.base).unwrap();
    text
}

fn explain(name: &str, item: &Item, needed: &mut BTreeSet<String>) -> String {
    let mut text = format!("\n### {name}\n\n");
    match item {
        Item::Struct(item) => {
            writeln!(text, "{}\n", words(&item.attrs)).unwrap();
            text += &table(&item.fields, needed);
        }
        Item::Enum(ItemEnum { attrs, variants, .. }) => {
            writeln!(text, "{}\n\n| number | name | meaning | then |\n|---|---|---|---|", words(attrs)).unwrap();
            for variant in variants {
                let fields = variant.fields.iter().map(|field| shape(&field.ty, needed)).collect::<Vec<_>>();
                let name = snake(&variant.ident.to_string());
                let meaning = words(&variant.attrs);
                writeln!(text, "| {} | `{name}` | {meaning} | {} |", number_of(variant), fields.join(", ")).unwrap();
            }
        }
        _ => panic!("{name} is neither a struct nor an enum"),
    }
    text
}

fn page() -> String {
    let mut page = HEAD.to_owned();
    let (examples, mut types) = (calls(), BTreeMap::new());
    let mut all = BTreeMap::new();
    items(&root().join("runtime/core/src"), &mut all);
    for (module, name) in MODULES {
        let folder = root().join("modules").join(name).join("src");
        let (mut own, mut needed) = (BTreeMap::new(), BTreeSet::new());
        items(&folder, &mut own);
        let Some(Item::Enum(messages)) = own.remove("Msg") else { panic!("{name} has no messages") };
        write!(page, "\n## {module} {name}\n\n{}\n", words(&messages.attrs)).unwrap();
        for variant in &messages.variants {
            page += &message(module, variant, &examples, &mut needed);
        }
        // A name means the module's own type first.
        while let Some(name) = needed.iter().find(|name| !types.contains_key(*name)).cloned() {
            let item = own.get(&name).or_else(|| all.get(&name));
            let item = item.unwrap_or_else(|| panic!("{name} is defined nowhere"));
            types.insert(name.clone(), explain(&name, item, &mut needed));
        }
        own.into_iter().for_each(|(name, item)| {
            all.entry(name).or_insert(item);
        });
    }
    page += "\n## Types\n";
    page.extend(types.into_values());
    with_numbers(&page, &all)
}

#[test]
fn the_page_of_the_wire_is_what_the_chain_decodes() {
    let (path, page) = (root().join("docs/src/build/wire.md"), page());
    if std::env::var_os("DIEM_UPDATE_DOCS").is_some() {
        fs::write(&path, &page).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == page,
        "docs/src/build/wire.md is another: run DIEM_UPDATE_DOCS=1 cargo test -p diem-testkit --test it pinned::wire"
    );
    let modules: BTreeSet<u8> = calls().iter().map(|call| diem_core::encode(call)[0]).collect();
    assert_eq!(modules, MODULES.iter().map(|(module, _)| *module).collect(), "a module with calls is missing");
}

/// The list that a name in the table of gas means: a field, or one inside a field after a dot.
fn list<'a>(fields: &'a Value, name: &str) -> &'a Vec<Value> {
    let (field, inner) = name.split_once('.').unwrap_or((name, ""));
    let list = if inner.is_empty() { &fields[field] } else { &fields[field][inner] };
    list.as_array().unwrap()
}

/// As whoever has the table from `/v1/params` computes it: from the JSON of a call alone.
#[test]
fn the_table_of_gas_gives_the_gas_of_every_call() {
    let mut seen = BTreeSet::new();
    for call in calls() {
        let (module, name, fields) = as_json(&call);
        let row = row_of(&call);
        let items = row.per_item.map_or(0, |item| item.gas * list(&fields, item.list).len() as u64);
        assert_eq!(row.base + items, call.message().gas(), "{module} {name}");
        seen.insert((module, name));
    }
    let all = Call::GAS.iter().flat_map(|(module, rows)| rows.iter().map(|row| ((*module).into(), row.name.into())));
    assert_eq!(all.collect::<BTreeSet<(String, String)>>(), seen, "every row is of a call, and every call has one");
}
