//! Draws the steps of random histories.

use diem_bridge::{AdminAction, Params};
use diem_core::{Address, Amount};

use crate::{
    model::{GUARDIAN, Shape, cents, params},
    rng::Rng,
    step::{Forged, Spoilt, Step, To, View},
};

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// What is different in the history of this seed.
pub(crate) fn shape(rng: &mut Rng) -> Shape {
    Shape {
        mint_capacity: rng.pick(&[1_000, 4_000, 20_000]),
        out_capacity: rng.pick(&[2_000, 10_000, 60_000]),
        max_set_age: rng.pick(&[1, 5, 30]) * DAY / SECOND,
        base_ahead: rng.pick(&[0, 0, 2, 45]),
        defect: None,
    }
}

/// Draws a step. The weights keep most of a history at work: rare steps stop the bridge for long.
pub(crate) fn step(rng: &mut Rng) -> Step {
    match rng.below(1_000) {
        0..370 => Step::Block { awake: awake(rng), view: view(rng), events: rng.pick(&[0, 0, 1, 3, 200, 200]) },
        370..450 => Step::Time { ms: time(rng) },
        450..470 => Step::OutOften { by: byte(rng), cents: 1 + rng.below_wide(120), fee: fee(rng) },
        470..545 => Step::Out { by: byte(rng), to: byte(rng), cents: amount(rng), fee: fee(rng) },
        545..558 => Step::Bump { pick: rng.below(8), fee: fee(rng) },
        558..575 => Step::Cancel { pick: rng.below(8) },
        575..615 => Step::Ship { by: byte(rng) },
        615..700 => Step::Relay { pick: rng.below(6), by: byte(rng) },
        700..765 => Step::Burn { by: byte(rng), to: recipient(rng), part: rng.pick(&[5, 20, 50, 100, 101]) },
        765..795 => Step::Update { back: rng.below(3) },
        795..815 => Step::Act { back: rng.below(3) },
        815..830 => Step::Release { pick: rng.below(6) },
        830..842 => Step::Replay { size: 1 + rng.below(9), spoilt: spoilt(rng) },
        842..852 => Step::Submit { awake: awake(rng), view: view(rng) },
        852..860 => Step::Again { pick: rng.below(1_000) },
        860..880 => Step::Lie { by: byte(rng), awake: awake(rng), events: rng.pick(&[0, 200]) },
        _ => rare(rng),
    }
}

fn rare(rng: &mut Rng) -> Step {
    match rng.below(100) {
        0..4 => Step::InstallProposed,
        4..8 => Step::Recover,
        8..14 => Step::Veto { pick: rng.below(6) },
        14..18 => Step::VetoSet,
        18..19 => Step::PauseByGuardian,
        19..21 => Step::Pause { mask: byte(rng), ahead: rng.below(5) },
        21..35 => Step::AllClear,
        35..38 => Step::LowerLimits { percent: rng.pick(&[0, 50, 90, 90, 101]) },
        38..50 => Step::Order(action(rng)),
        50..62 => Step::Resolve { pick: rng.below(6), release: rng.chance(40) },
        62..63 => Step::Halts,
        63..69 => Step::GoesOn,
        69..72 => Step::Stake { validator: byte(rng), vvv: 10_000 + rng.below_wide(100_000) },
        72..74 => Step::Rotate { validator: byte(rng) },
        74..77 => Step::Forge(forged(rng)),
        77..80 => Step::Resume,
        80..87 => Step::Heal { by: byte(rng), part: rng.pick(&[0, 50, 100, 100]) },
        87..89 => Step::Cover { by: byte(rng), part: rng.pick(&[30, 100, 100, 110]) },
        89..92 => Step::Hold { pick: rng.below(9) },
        92 => Step::BurnOften { by: byte(rng) },
        93..96 => Step::ToDeadline { pick: rng.below(6), after: rng.below(2) },
        _ => Step::SetParams(changed(rng)),
    }
}

fn view(rng: &mut Rng) -> View {
    match rng.below(10) {
        0..2 => View::None,
        2..8 => View::Newest,
        _ => View::Older(rng.below(4)),
    }
}

fn spoilt(rng: &mut Rng) -> Spoilt {
    let kinds = [Spoilt::Byte, Spoilt::MadeUp, Spoilt::Before, Spoilt::OutOfOrder, Spoilt::Again];
    if rng.chance(50) { Spoilt::No } else { rng.pick(&kinds) }
}

/// Parameters that differ in what a history is about.
fn changed(rng: &mut Rng) -> Params {
    Params {
        checkpoint_blocks: rng.pick(&[1, 5, 7, 300]),
        batch_life_ms: rng.pick(&[10 * MINUTE, 10 * MINUTE, HOUR, DAY]),
        out_capacity: Amount::new(cents(rng.pick(&[0, 2_000, 10_000, 60_000, 60_000]))),
        credit_capacity: Amount::new(cents(rng.pick(&[0, 2_000, 20_000, 60_000]))),
        ..params()
    }
}

fn byte(rng: &mut Rng) -> u8 {
    rng.below(256).to_le_bytes()[0]
}

/// Mostly all validators, sometimes all but one, seldom too few.
fn awake(rng: &mut Rng) -> u8 {
    match rng.below(10) {
        0..7 => 0xff,
        7..9 => !(1 << rng.below(4)),
        _ => byte(rng),
    }
}

fn time(rng: &mut Rng) -> u64 {
    match rng.below(100) {
        0..84 => rng.below(5 * SECOND),
        84..92 => rng.below(8 * MINUTE),
        92..97 => rng.below(6 * HOUR),
        97 => 12 * HOUR + rng.below(2 * HOUR),
        98 => DAY + rng.below(4 * HOUR),
        _ => match rng.below(4) {
            0..3 => 2 * DAY + rng.below(3 * DAY),
            _ => rng.below(40 * DAY),
        },
    }
}

/// Hundredths of a DIEM: some more than the limits let through.
fn amount(rng: &mut Rng) -> u128 {
    match rng.below(10) {
        0..5 => 10 + rng.below_wide(500),
        5..8 => 100 + rng.below_wide(3_000),
        8 => 1_000 + rng.below_wide(20_000),
        _ => rng.below_wide(60_000),
    }
}

/// The fee in hundredths of the highest one: mostly a small one.
fn fee(rng: &mut Rng) -> u128 {
    rng.pick(&[1, 3, 10, 10, 30, 100, 101])
}

fn recipient(rng: &mut Rng) -> To {
    if rng.chance(30) { To::Person(byte(rng)) } else { To::Stranger }
}

fn action(rng: &mut Rng) -> AdminAction {
    match rng.below(10) {
        0..5 => AdminAction::Unpause,
        5..9 => AdminAction::SetLimits {
            mint_capacity: Amount::new(cents(rng.pick(&[0, 1_000, 10_000, 10_000, 50_000]))),
            share_bps: rng.pick(&[1_000, 3_000, 10_000]),
        },
        _ => AdminAction::SetGuardian { guardian: if rng.chance(80) { GUARDIAN } else { Address([9; 20]) } },
    }
}

fn forged(rng: &mut Rng) -> Forged {
    let cents = 50 + rng.below_wide(1_000) * rng.pick(&[1, 1, 10]);
    match rng.below(10) {
        0..5 => Forged::Ahead { cents, ahead: rng.below(4) },
        5..8 => Forged::InPlace { cents, pick: rng.below(6) },
        8 => Forged::Action(AdminAction::ResolveQueue { queue_id: 1 + rng.below(6), release: rng.chance(50) }),
        _ => Forged::Action(action(rng)),
    }
}
