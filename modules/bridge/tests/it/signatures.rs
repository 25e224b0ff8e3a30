//! Validator sets, the lists of their signatures, and how much power is enough.

use diem_bridge::{Member, SignatureList, Threshold, ValidatorSet};
use diem_core::keys::CompactSignature;

use crate::vectors::{Vector, file, name};

fn members(of: &Vector) -> Vec<Member> {
    let member = |of: &Vector| Member { address: of.address("address"), power: of.number("power") };
    of.list("members").iter().map(member).collect()
}

#[test]
fn sets_have_the_bytes_and_the_hash_that_the_contract_computes() {
    let vectors = file("sets");
    let salt = vectors.array("salt");
    for case in vectors.cases() {
        let set = ValidatorSet::new(members(&case)).unwrap();
        assert_eq!(hex::encode(set.encode()), hex::encode(case.bytes("bytes")), "{}", case.text("name"));
        assert_eq!(ValidatorSet::decode(&case.bytes("bytes")), Ok(set.clone()));
        assert_eq!(set.total(), case.number::<u64>("total"));
        let hash = set.hash(&salt, case.number("nonce"), case.number("createdAt"));
        assert_eq!(hash, case.array("setHash"), "{}", case.text("name"));
    }
}

#[test]
fn bytes_that_are_no_set_are_refused_each_with_its_own_reason() {
    for (case, bytes, error) in file("sets").invalid("bytes") {
        assert_eq!(name(&ValidatorSet::decode(&bytes).unwrap_err()), error, "{case}");
    }
}

#[test]
fn members_that_are_no_set_are_refused_before_they_have_bytes() {
    let member = |byte, power| Member { address: diem_core::Address([byte; 20]), power };
    for (members, error) in [
        (Vec::new(), "set_members"),
        (vec![member(2, 1), member(1, 1)], "set_order"),
        (vec![member(1, 0)], "set_power"),
        (vec![member(1, u64::MAX), member(2, 1)], "set_total"),
    ] {
        assert_eq!(name(&ValidatorSet::new(members).unwrap_err()), error);
    }
}

#[test]
fn lists_of_signatures_have_the_bytes_and_the_power_that_the_contract_counts() {
    let vectors = file("signature_lists");
    let digest = vectors.get("batch").array("digest");
    for case in vectors.cases() {
        let set = ValidatorSet::decode(&case.bytes("set")).unwrap();
        let list = SignatureList::decode(&case.bytes("bytes"), set.members().len()).unwrap();
        assert_eq!(list.encode(), case.bytes("bytes"), "{}", case.text("name"));
        let power = list.power(&set, &digest).unwrap();
        assert_eq!(power, case.number::<u64>("signed"), "{}", case.text("name"));
        let places = case.numbers("places");
        assert_eq!(power, places.iter().map(|place| set.members()[*place].power).sum::<u64>());
        let enough = Threshold::MoreThanTwoThirds.is_reached(power, set.total());
        assert_eq!(enough, case.is("moreThanTwoThirds"), "{}", case.text("name"));
    }
}

#[test]
fn bytes_that_are_no_list_of_the_members_signatures_are_refused_each_with_its_own_reason() {
    let vectors = file("signature_lists");
    let digest = vectors.get("batch").array("digest");
    for case in vectors.list("invalid") {
        let set = ValidatorSet::decode(&case.bytes("set")).unwrap();
        let list = SignatureList::decode(&case.bytes("bytes"), set.members().len());
        let refusal = list.and_then(|list| list.power(&set, &digest)).unwrap_err();
        assert_eq!(name(&refusal), case.text("error"), "{}", case.text("name"));
    }
}

#[test]
fn a_list_of_another_set_counts_nothing() {
    let vectors = file("signature_lists");
    let digest = vectors.get("batch").array("digest");
    let nine = ValidatorSet::decode(&vectors.cases()[1].bytes("set")).unwrap();
    assert_eq!(name(&SignatureList::new(vec![None; 8]).power(&nine, &digest).unwrap_err()), "list_length");
}

#[test]
fn thresholds_are_exact_in_integers() {
    for case in file("thresholds").cases() {
        let (signed, total) = (case.number("signed"), case.number("total"));
        for (threshold, field) in [
            (Threshold::MoreThanTwoThirds, "moreThanTwoThirds"),
            (Threshold::MoreThanThreeQuarters, "moreThanThreeQuarters"),
            (Threshold::AtLeastOneThird, "atLeastOneThird"),
        ] {
            assert_eq!(threshold.is_reached(signed, total), case.is(field), "{signed} of {total}: {field}");
        }
    }
}

#[test]
fn the_fewest_signatures_are_those_of_the_strongest_members_and_are_enough() {
    let member = |byte, power| Member { address: diem_core::Address([byte; 20]), power };
    let set = |powers: &[u64]| {
        ValidatorSet::new((1..).zip(powers).map(|(byte, power)| member(byte, *power)).collect()).unwrap()
    };
    let signed = |places: &[usize], of: usize| {
        let signature =
            |place: usize| places.contains(&place).then_some(CompactSignature([u8::try_from(place).unwrap(); 64]));
        SignatureList::new((0..of).map(signature).collect())
    };
    let fewest = |powers: &[u64], places: &[usize], threshold| {
        let list = signed(places, powers.len()).fewest(&set(powers), threshold)?;
        // What is chosen are the very signatures of the members.
        let chosen: Vec<usize> = list.signers().collect();
        assert_eq!(list, signed(&chosen, powers.len()));
        Some(chosen)
    };
    let (two, three) = (Threshold::MoreThanTwoThirds, Threshold::MoreThanThreeQuarters);
    assert_eq!(fewest(&[1, 1, 1, 1], &[0, 1, 2, 3], two), Some(vec![0, 1, 2]));
    assert_eq!(fewest(&[1, 1, 1, 1], &[0, 1, 3], two), Some(vec![0, 1, 3]));
    assert_eq!(fewest(&[1, 1, 1, 1], &[0, 1, 2, 3], three), Some(vec![0, 1, 2, 3]));
    assert_eq!(fewest(&[1, 1, 1], &[0, 1], two), None);
    // The order of a list is that of the set, whoever is strongest.
    assert_eq!(fewest(&[10, 1, 60, 29], &[0, 1, 2, 3], two), Some(vec![2, 3]));
    assert_eq!(fewest(&[10, 1, 60, 29], &[0, 1, 2], two), Some(vec![0, 2]));
    assert_eq!(fewest(&[5], &[0], Threshold::AtLeastOneThird), Some(vec![0]));
    assert_eq!(signed(&[0, 1], 2).fewest(&set(&[1, 1, 1]), two), None);
}
