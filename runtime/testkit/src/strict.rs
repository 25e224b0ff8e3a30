//! A check that JSON is parsed strictly: a misspelt field that was ignored would change the meaning of a document.

use serde_json::Value;

/// The name of a field that no type has.
pub const UNKNOWN: &str = "beneficary";

/// Checks that `read` accepts `valid`, that with an unknown field in any one of its objects it fails with an error that
/// names the field, and that it refuses a list of values in the place of any object. Returns the number of objects.
///
/// # Panics
/// A document is accepted or refused wrongly, or the error does not name the field.
pub fn check(valid: &Value, read: impl Fn(&str) -> Result<(), String>) -> usize {
    read(&valid.to_string()).unwrap_or_else(|error| panic!("{error}: {valid}"));
    let places = objects(valid);
    for place in &places {
        let mut changed = valid.clone();
        changed.pointer_mut(place).unwrap()[UNKNOWN] = 1.into();
        match read(&changed.to_string()) {
            Ok(()) => panic!("a field more at `{place}` was ignored: {changed}"),
            Err(error) => assert!(error.contains(UNKNOWN), "at `{place}`, the error does not name the field: {error}"),
        }
        let mut changed = valid.clone();
        let object = changed.pointer_mut(place).unwrap();
        *object = object.as_object().unwrap().values().cloned().collect();
        assert!(read(&changed.to_string()).is_err(), "a list at `{place}` was taken for an object: {changed}");
    }
    places.len()
}

/// The JSON pointers of all objects.
fn objects(value: &Value) -> Vec<String> {
    let below = |(name, value): (String, &Value)| -> Vec<String> {
        objects(value).into_iter().map(|place| format!("/{name}{place}")).collect()
    };
    match value {
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| (name.replace('~', "~0").replace('/', "~1"), value));
            std::iter::once(String::new()).chain(fields.flat_map(below)).collect()
        }
        Value::Array(items) => (0..).map(|index: usize| index.to_string()).zip(items).flat_map(below).collect(),
        _ => Vec::new(),
    }
}
