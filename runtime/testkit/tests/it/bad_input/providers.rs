//! Providers that may not be, and who has no say about them.

use diem_core::{Address, Amount};
use diem_credits::{
    Msg,
    prices::{LongContext, ModelPrices, Price, PriceSheet, Unit},
};
use diem_testkit::{
    economy::{PROVIDER, sheet, whole},
    operator,
    story::{deregister, settle},
};

use super::{
    Scene,
    credits::{LEAVING, UNLISTED, call, economy, register},
    staking::NOBODY,
};

pub(crate) fn scene() -> Scene {
    let mut economy = economy();
    // As many sheets as a provider may publish in a day.
    let sheets = vec![call(Msg::PublishPrices { sheet: sheet(1) }); 16];
    economy.people_block(1, vec![(UNLISTED, sheets)]);
    // With the one model that it had before, half of what may change in a day, and one more.
    economy.people_block(1, vec![(PROVIDER, vec![call(Msg::PublishPrices { sheet: many_models("a") })])]);
    let mut scene = Scene::new(economy);
    registrations(&mut scene);
    changes(&mut scene);
    price_sheets(&mut scene);
    listings(&mut scene);
    let voucher = scene.economy.signed(0, PROVIDER, scene.today(), whole(2));
    let (person, provider) = (scene.who(0), scene.who(PROVIDER));
    scene.refuses(0, settle(person, vec![voucher.clone()]), "credits/no_provider");
    scene.refuses(PROVIDER, settle(provider, vec![]), "credits/vouchers");
    scene.refuses(PROVIDER, settle(provider, vec![voucher; 1_001]), "credits/vouchers");
    scene
}

/// A sheet of as many models as a sheet can have.
fn many_models(letter: &str) -> PriceSheet {
    let prices = vec![Price { unit: Unit::Call, price: Amount::new(1) }];
    let model =
        |number| ModelPrices { model: format!("{letter}{number:02}"), long_context: None, prices: prices.clone() };
    PriceSheet { models: (0..64).map(model).collect() }
}

fn registrations(scene: &mut Scene) {
    for provider in [PROVIDER, UNLISTED, LEAVING] {
        scene.refuses(provider, call(register()), "credits/already_provider");
    }
    let with = |change: &dyn Fn(&mut Amount, &mut Address, &mut String, &mut String)| {
        let Msg::RegisterProvider { mut bond, mut payout, mut endpoint, mut moniker } = register() else {
            unreachable!()
        };
        change(&mut bond, &mut payout, &mut endpoint, &mut moniker);
        call(Msg::RegisterProvider { bond, payout, endpoint, moniker })
    };
    scene.refuses(0, with(&|bond, _, _, _| *bond = Amount::ZERO), "credits/zero_amount");
    scene.refuses(0, with(&|bond, _, _, _| *bond = whole(999)), "credits/bond_too_small");
    scene.refuses(0, with(&|bond, _, _, _| *bond = whole(100_000)), "bank/insufficient_funds");
    scene.refuses(0, with(&|bond, _, _, _| *bond = Amount::MAX), "bank/insufficient_funds");
    scene.refuses(0, with(&|_, payout, _, _| *payout = Address::ZERO), "credits/zero_address");
    for text in [String::new(), "x".repeat(129), "two\nlines".into(), "\" paid to me".into(), "\u{2028}".into()] {
        scene.refuses(0, with(&|_, _, endpoint, _| endpoint.clone_from(&text)), "credits/text");
        scene.refuses(0, with(&|_, _, _, moniker| moniker.clone_from(&text)), "credits/text");
    }
    scene.refuses(0, with(&|_, _, endpoint, _| *endpoint = "ai.example".into()), "credits/endpoint");
    scene.refuses(0, with(&|_, _, _, moniker| *moniker = "  ".into()), "credits/blank_moniker");
}

fn changes(scene: &mut Scene) {
    let edit = |payout, endpoint: Option<&str>, moniker: Option<&str>| {
        call(Msg::EditProvider { payout, endpoint: endpoint.map(Into::into), moniker: moniker.map(Into::into) })
    };
    scene.refuses(0, edit(None, None, Some("me")), "credits/no_provider");
    scene.refuses(PROVIDER, edit(Some(Address::ZERO), None, None), "credits/zero_address");
    scene.refuses(PROVIDER, edit(None, Some(""), None), "credits/text");
    scene.refuses(PROVIDER, edit(None, None, Some("\t")), "credits/text");
    let add = |amount| call(Msg::AddBond { amount });
    scene.refuses(PROVIDER, add(Amount::ZERO), "credits/zero_amount");
    scene.refuses(0, add(whole(1)), "credits/no_provider");
    scene.refuses(LEAVING, add(whole(1)), "credits/provider_left");
    scene.refuses(PROVIDER, add(whole(100_000)), "bank/insufficient_funds");
    scene.refuses(PROVIDER, add(Amount::MAX), "bank/insufficient_funds");
    scene.refuses(0, deregister(), "credits/no_provider");
    scene.refuses(LEAVING, deregister(), "credits/provider_left");
}

fn price_sheets(scene: &mut Scene) {
    let publish = |sheet| call(Msg::PublishPrices { sheet });
    scene.refuses(0, publish(sheet(1)), "credits/no_provider");
    scene.refuses(LEAVING, publish(sheet(1)), "credits/provider_left");
    let price = |unit| Price { unit, price: Amount::new(1) };
    let model = |model: &str, prices: Vec<Price>| ModelPrices { model: model.into(), long_context: None, prices };
    let good = |name: &str| model(name, vec![price(Unit::Call)]);
    let once = LongContext { threshold: 1, multiplier_bps: 10_000 };
    let bad = [
        vec![good("b"), good("a")],
        vec![good("a"), good("a")],
        vec![good("")],
        vec![good("two words")],
        vec![good(&"x".repeat(65))],
        vec![good("naïve")],
        vec![model("a", vec![])],
        vec![model("a", vec![price(Unit::Call), price(Unit::Image)])],
        vec![model("a", vec![price(Unit::Call), price(Unit::Call)])],
        vec![ModelPrices { long_context: Some(once), ..good("a") }],
        (0..65).map(|number| good(&format!("{number:02}"))).collect(),
    ];
    for models in bad {
        scene.refuses(PROVIDER, publish(PriceSheet { models }), "credits/prices");
    }
    scene.refuses(UNLISTED, publish(sheet(1)), "credits/too_many_sheets");
    scene.refuses(PROVIDER, publish(many_models("b")), "credits/too_many_models");
}

fn listings(scene: &mut Scene) {
    let (provider, unlisted, leaving) = (scene.who(PROVIDER), scene.who(UNLISTED), scene.who(LEAVING));
    let list = |provider| call(Msg::ListProvider { provider });
    let delist = |provider, forfeit| call(Msg::DelistProvider { provider, forfeit });
    for person in [0, PROVIDER, UNLISTED] {
        scene.refuses(person, list(unlisted), "credits/not_authority");
        scene.refuses(person, delist(provider, false), "credits/not_authority");
        scene.refuses(person, delist(provider, true), "credits/not_authority");
    }
    let authority = operator(0);
    scene.refuses_of(&operator(1), list(unlisted), "credits/not_authority");
    scene.refuses_of(&authority, list(NOBODY), "credits/no_provider");
    scene.refuses_of(&authority, list(leaving), "credits/provider_left");
    scene.refuses_of(&authority, list(provider), "credits/already_listed");
    scene.refuses_of(&authority, delist(NOBODY, true), "credits/no_provider");
    scene.refuses_of(&authority, delist(unlisted, false), "credits/not_listed");
    scene.refuses_of(&authority, delist(leaving, false), "credits/not_listed");
}

#[test]
fn bad_providers() {
    scene();
}
