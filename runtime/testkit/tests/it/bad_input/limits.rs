//! One more than an account may have.

use diem_core::{Address, Amount, tx::MAX_CALLS};
use diem_runtime::Options;
use diem_svvv as svvv;
use diem_testkit::{
    Economy,
    economy::{milli, validator, whole},
    story::{allocate, stake_diem, unstake, unstake_diem},
};
use diem_types::Call;

use super::{
    Scene,
    credits::{call, grant, register},
};

/// Providers beside the first person, who reaches every limit.
const PROVIDERS: u32 = 18;

fn in_parts(economy: &mut Economy, calls: &[Call]) {
    for calls in calls.chunks(MAX_CALLS) {
        economy.people_block(100, vec![(0, calls.to_vec())]);
    }
}

fn providers(economy: &Economy) -> Vec<Address> {
    let mut providers: Vec<Address> = economy.chain.people[1..].iter().map(|person| person.address).collect();
    providers.sort();
    providers
}

fn economy() -> Economy {
    let mut economy = Economy::with(Options::default(), PROVIDERS + 1);
    let registered = (1..economy.chain.people.len()).filter(|person| *person != diem_testkit::economy::PROVIDER);
    let registered = registered.map(|person| (person, vec![call(register())])).collect();
    economy.people_block(100, registered);
    let today = economy.today();
    let providers = providers(&economy);
    in_parts(&mut economy, &[stake_diem(whole(5), None)]);
    in_parts(&mut economy, &vec![unstake(validator(0), whole(1)); 32]);
    in_parts(&mut economy, &vec![unstake_diem(milli(10), None); 32]);
    let allocations: Vec<Call> = providers.iter().take(16).map(|provider| allocate(*provider, milli(1))).collect();
    in_parts(&mut economy, &allocations);
    let key = |number: u8| grant(Address([number; 20]), today + 1, vec![(providers[0], whole(1))]);
    in_parts(&mut economy, &(1..=16).map(key).collect::<Vec<_>>());
    let all = providers.iter().take(16).map(|provider| (*provider, Amount::ONE)).collect();
    in_parts(&mut economy, &[grant(Address([1; 20]), today + 1, all)]);
    economy
}

pub(crate) fn scene() -> Scene {
    let mut scene = Scene::new(economy());
    let (today, providers) = (scene.today(), providers(&scene.economy));
    scene.refuses(0, unstake(validator(0), whole(1)), "staking/too_many_entries");
    let restake = svvv::Msg::Restake { from: validator(0), to: validator(1), amount: whole(1) };
    scene.refuses(0, Call::Svvv(restake), "staking/too_many_entries");
    scene.refuses(0, unstake_diem(milli(10), None), "credits/too_many_tranches");
    scene.refuses(0, allocate(providers[16], milli(1)), "credits/too_many_allocations");
    let one_more = vec![(providers[0], whole(1))];
    scene.refuses(0, grant(Address([17; 20]), today + 1, one_more), "credits/too_many_keys");
    // The sixteen that it had until now count until tomorrow.
    scene.refuses(0, grant(Address([1; 20]), today + 1, vec![(providers[17], whole(1))]), "credits/too_many_limits");
    scene
}

#[test]
fn one_more_than_there_may_be() {
    scene();
}
