//! Cells: keys sort as their values do, tables do not see each other, and rows come back as they went in.

use std::{collections::BTreeMap, ops::Bound};

use diem_core::{
    Address, Key, MAX_ROWS, ModuleId, Page, StateRead, StateWrite, Value,
    cell::{Item, KeyPart, Map},
    storage::prefix_end,
};
use proptest::{collection::btree_map, prelude::*};

/// Rows in a map.
#[derive(Default)]
struct Rows(BTreeMap<Vec<u8>, Value>);

impl StateRead for Rows {
    fn get(&self, key: &[u8]) -> Option<Value> {
        self.0.get(key).cloned()
    }

    fn range(&self, start: &[u8], end: Option<&[u8]>, limit: usize) -> Vec<(Key, Value)> {
        let end = end.map_or(Bound::Unbounded, Bound::Excluded);
        let rows = self.0.range::<[u8], _>((Bound::Included(start), end));
        rows.take(limit).map(|(key, value)| (Key::from_slice(key), value.clone())).collect()
    }
}

impl StateWrite for Rows {
    fn set(&mut self, key: &[u8], value: Value) {
        assert!(!value.is_empty());
        self.0.insert(key.to_vec(), value);
    }

    fn remove(&mut self, key: &[u8]) {
        self.0.remove(key);
    }
}

const MODULE: ModuleId = ModuleId(7);
const PAIRS: Map<(u8, u64), u32> = Map::new(MODULE, 1);
const NEIGHBOUR_BELOW: Map<u8, u8> = Map::new(MODULE, 0);
const NEIGHBOUR_ABOVE: Map<u8, u8> = Map::new(MODULE, 2);

fn bytes_of(key: &impl KeyPart) -> Key {
    let mut bytes = Key::new();
    key.write(&mut bytes);
    bytes
}

/// Checks that two keys sort as their bytes do, have the declared width, and are read back.
fn sorts<K: KeyPart + Ord + std::fmt::Debug>(a: &K, b: &K) -> Result<(), TestCaseError> {
    let (first, second) = (bytes_of(a), bytes_of(b));
    prop_assert_eq!(a.cmp(b), first.cmp(&second));
    for (key, bytes) in [(a, &first), (b, &second)] {
        prop_assert_eq!(bytes.len(), K::WIDTH);
        prop_assert!(K::read(bytes).as_ref() == Some(key));
        prop_assert!(K::read(&bytes[..bytes.len() - 1]).is_none(), "a shorter key is another table's");
        let longer = [&bytes[..], &[0]].concat();
        prop_assert!(K::read(&longer).is_none(), "so is a longer one");
    }
    Ok(())
}

proptest! {
    #[test]
    fn keys_sort_as_their_values_do(a in any::<(u8, u64, u128)>(), b in any::<(u8, u64, u128)>()) {
        sorts(&a, &b)?;
        sorts(&a.0, &b.0)?;
        sorts(&a.1, &b.1)?;
        sorts(&a.2, &b.2)?;
        sorts(&(a.0, b.0), &(b.0, a.0))?;
    }

    #[test]
    fn addresses_and_arrays_sort_as_well(a in any::<([u8; 20], u32)>(), b in any::<([u8; 20], u32)>()) {
        sorts(&(Address(a.0), a.1), &(Address(b.0), b.1))?;
        sorts(&(a.1, a.0, 0u16), &(b.1, b.0, u16::MAX))?;
    }

    #[test]
    fn a_table_is_read_in_order_from_any_place(
        rows in btree_map((0..4u8, 0..50u64), any::<u32>(), 0..40),
        from in (0..5u8, 0..50u64),
        limit in 0..20usize,
    ) {
        let mut state = Rows::default();
        for neighbour in 0..=u8::MAX {
            NEIGHBOUR_BELOW.set(&mut state, &neighbour, &1);
            NEIGHBOUR_ABOVE.set(&mut state, &neighbour, &1);
        }
        rows.iter().for_each(|(key, value)| PAIRS.set(&mut state, key, value));
        let expected: Vec<_> = rows.range(from..).take(limit).map(|(key, value)| (*key, *value)).collect();
        prop_assert_eq!(PAIRS.range(&state, Some(&from), limit), expected);
        let all: Vec<_> = rows.iter().map(|(key, value)| (*key, *value)).collect();
        prop_assert_eq!(PAIRS.range(&state, None, usize::MAX), all.clone());
        let part: Vec<_> = all.iter().filter(|((first, _), _)| *first == from.0).copied().collect();
        prop_assert_eq!(PAIRS.prefix(&state, &from.0, None, usize::MAX), part.clone());
        let later: Vec<_> = part.into_iter().filter(|(key, _)| *key >= from).collect();
        prop_assert_eq!(PAIRS.prefix(&state, &from.0, Some(&from), usize::MAX), later);
    }

    #[test]
    fn pages_follow_each_other_without_gaps_or_doubles(
        rows in btree_map((0..4u8, 0..50u64), any::<u32>(), 0..40),
        of in 0..5u8,
        limit in 1..20u16,
    ) {
        let mut state = Rows::default();
        for neighbour in 0..=u8::MAX {
            NEIGHBOUR_BELOW.set(&mut state, &neighbour, &1);
            NEIGHBOUR_ABOVE.set(&mut state, &neighbour, &1);
        }
        rows.iter().for_each(|(key, value)| PAIRS.set(&mut state, key, value));
        let (mut whole, mut page) = (Vec::new(), Page { after: None, limit });
        loop {
            let found = PAIRS.page(&state, &page);
            let Some((last, _)) = found.last() else { break };
            page.after = Some(*last);
            prop_assert!(found.len() <= limit.into());
            whole.extend(found);
        }
        prop_assert_eq!(whole, rows.iter().map(|(key, value)| (*key, *value)).collect::<Vec<_>>());
        let (mut part, mut page) = (Vec::new(), Page { after: None, limit });
        loop {
            let found = PAIRS.page_of(&state, &of, &page);
            let Some((last, _)) = found.last() else { break };
            page.after = Some(*last);
            prop_assert!(found.len() <= limit.into());
            part.extend(found);
        }
        let expected: Vec<_> =
            rows.iter().filter(|((first, _), _)| *first == of).map(|((_, key), value)| (*key, *value)).collect();
        prop_assert_eq!(part, expected);
    }

    #[test]
    fn the_end_of_a_prefix_is_the_first_key_behind_it(prefix in any::<Vec<u8>>(), tail in any::<Vec<u8>>()) {
        let inside = [&prefix[..], &tail].concat();
        match prefix_end(&prefix) {
            Some(end) => {
                prop_assert!(inside[..] < end[..]);
                // Whatever lies between is inside: the end without its last step is the prefix's own start.
                prop_assert!(end.len() <= prefix.len() && end[..] > prefix[..]);
            }
            None => prop_assert!(prefix.iter().all(|byte| *byte == 0xff)),
        }
    }
}

#[test]
fn a_page_begins_after_a_key_that_need_not_be_there_and_has_a_most() {
    let mut state = Rows::default();
    (0..=300).for_each(|number| PAIRS.set(&mut state, &(1, 2 * number), &0));
    let page = |after, limit| {
        let rows = PAIRS.page_of(&state, &1, &Page { after, limit });
        rows.into_iter().map(|(number, _)| number).collect::<Vec<_>>()
    };
    assert_eq!((page(Some(4), 2), page(Some(5), 2), page(Some(600), 2)), (vec![6, 8], vec![6, 8], vec![]));
    assert_eq!((page(None, 0).len(), page(None, u16::MAX).len()), (0, usize::from(MAX_ROWS)));
    assert_eq!(PAIRS.page(&state, &Page::largest(Some((0, u64::MAX)))).len(), usize::from(MAX_ROWS));
}

#[test]
fn a_key_is_module_table_and_parts() {
    const ROW: Item<u64> = Item::new(ModuleId(3), 9);
    assert_eq!(ROW.key(), [3, 9]);
    assert_eq!(PAIRS.key(&(5, 0x0102))[..], [7, 1, 5, 0, 0, 0, 0, 0, 0, 1, 2]);
}

#[test]
fn a_row_is_set_read_and_removed() {
    const ROW: Item<u64> = Item::new(ModuleId(3), 9);
    let mut state = Rows::default();
    assert_eq!(ROW.get(&state), None);
    ROW.set(&mut state, &0x0102);
    assert_eq!(state.get(&[3, 9]).unwrap()[..], [2, 1, 0, 0, 0, 0, 0, 0]);
    assert_eq!(ROW.get(&state), Some(0x0102));
    ROW.remove(&mut state);
    assert_eq!((ROW.get(&state), state.0.len()), (None, 0));
    PAIRS.set(&mut state, &(1, 2), &3);
    assert_eq!((PAIRS.get(&state, &(1, 2)), PAIRS.get(&state, &(2, 1))), (Some(3), None));
    PAIRS.remove(&mut state, &(1, 2));
    assert!(state.0.is_empty());
}

#[test]
#[should_panic(expected = "state row 0701050000000000000001 does not decode")]
fn a_row_of_another_type_stops_the_node_with_a_sentence() {
    let mut state = Rows::default();
    state.set(&[7, 1, 5, 0, 0, 0, 0, 0, 0, 0, 1], Value::from_slice(&[1, 2, 3]));
    let _ = PAIRS.get(&state, &(5, 1));
}

#[test]
#[should_panic(expected = "is not of its table")]
fn a_key_of_another_length_stops_the_node_with_a_sentence() {
    let mut state = Rows::default();
    state.set(&[7, 1, 5], Value::from_slice(&[1, 2, 3, 4]));
    let _ = PAIRS.range(&state, None, 10);
}
