//! Plays histories, counts what happened in them, and shortens the one that breaks a rule.

use std::collections::BTreeMap;

use crate::{
    chain::VALIDATORS,
    defect::Defect,
    generate,
    ledger::{Stop, Violation},
    model::{Model, Shape},
    people::END,
    rng::Rng,
    staking_chain::empty,
    step::{Step, View},
};

/// How often each step was done and refused, and by which errors.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) steps: BTreeMap<&'static str, [u64; 2]>,
    pub(crate) errors: BTreeMap<(&'static str, &'static str), u64>,
    /// How often the chain told of something.
    pub(crate) told: BTreeMap<&'static str, u64>,
    /// The blocks of Base that were completed, each with both equalities.
    pub(crate) completions: u64,
}

impl Tally {
    pub(crate) fn merge(&mut self, other: &Self) {
        for (name, [good, bad]) in &other.steps {
            let all = self.steps.entry(name).or_default();
            *all = [all[0] + good, all[1] + bad];
        }
        for (name, count) in &other.errors {
            *self.errors.entry(*name).or_default() += count;
        }
        for (name, count) in &other.told {
            *self.told.entry(name).or_default() += count;
        }
        self.completions += other.completions;
    }
}

/// A history and the rule that its last step breaks.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) steps: Vec<Step>,
    pub(crate) violation: Violation,
}

/// A history that a seed gives.
pub(crate) struct History {
    pub(crate) shape: Shape,
    steps: Vec<Step>,
}

impl History {
    /// The history of a seed.
    pub(crate) fn of(seed: u64, steps: usize, defect: Option<Defect>) -> Self {
        let mut rng = Rng::new(seed);
        let shape = Shape { defect, ..generate::shape(&mut rng) };
        Self { shape, steps: (0..steps).map(|_| generate::step(&mut rng)).collect() }
    }

    /// Plays it, and then lets everything come to its end.
    pub(crate) fn live(&self) -> Result<Tally, Found> {
        let rows = empty();
        let mut model = Model::new(&rows, self.shape);
        let tally = play(&mut model, &self.steps)?;
        let broken = |violation| Found { steps: self.steps.clone(), violation };
        model.finish().map_err(broken)?;
        Ok(Tally { told: model.told, completions: model.heard.completions, ..tally })
    }
}

/// Plays these steps.
pub(crate) fn play(model: &mut Model<'_>, steps: &[Step]) -> Result<Tally, Found> {
    let mut tally = Tally::default();
    for (number, step) in steps.iter().enumerate() {
        let broken = |violation| Found { steps: steps[..=number].to_vec(), violation };
        let counted = tally.steps.entry(step.name()).or_default();
        match model.take(step) {
            Ok(()) => counted[0] += 1,
            Err(Stop::Refused(error)) => {
                counted[1] += 1;
                *tally.errors.entry((step.name(), error)).or_default() += 1;
            }
            Err(Stop::Broken(violation)) => return Err(broken(violation)),
        }
        // A step of several parts may have done some of them before one was refused.
        model.settle().map_err(broken)?;
    }
    Ok(tally)
}

/// The shortest history found that breaks the same rule: steps are left out in ever smaller pieces.
pub(crate) fn shrink(shape: Shape, found: Found) -> Found {
    let mut best = found;
    let mut size = best.steps.len().div_ceil(2);
    while size > 0 {
        let mut place = 0;
        while place < best.steps.len() {
            let mut shorter = best.steps.clone();
            shorter.drain(place..(place + size).min(shorter.len()));
            match breaks(shape, shorter, best.violation.rule) {
                Some(shorter) => best = shorter,
                None => place += size,
            }
        }
        size /= 2;
    }
    best
}

/// Plays a history and tells whether it breaks this rule too.
fn breaks(shape: Shape, steps: Vec<Step>, rule: &str) -> Option<Found> {
    let outcome =
        if rule == END { History { shape, steps }.live() } else { play(&mut Model::new(&empty(), shape), &steps) };
    outcome.err().filter(|found| found.violation.rule == rule)
}

impl Model<'_> {
    fn take(&mut self, step: &Step) -> Result<(), Stop> {
        match step {
            Step::Time { ms } => self.time(*ms),
            Step::ToDeadline { pick, after } => self.time_to_deadline(*pick, *after)?,
            Step::Halts => self.halt_base(true),
            Step::GoesOn => self.halt_base(false),
            Step::Block { awake, view, events } => self.block(*awake, *view, *events)?,
            Step::Lie { by, awake, events } => {
                self.block_with(*awake, View::Newest, *events, 1 << (by % VALIDATORS))?
            }
            Step::Submit { awake, view } => self.submit(*awake, *view)?,
            Step::Replay { size, spoilt } => self.replay(*size, *spoilt)?,
            Step::Resume => self.resume()?,
            Step::Heal { by, part } => self.heal(*by, *part)?,
            Step::Cover { by, part } => self.cover(*by, *part)?,
            Step::Hold { pick } => self.hold(*pick)?,
            Step::SetParams(params) => self.set_params(*params)?,
            Step::AllClear => self.all_clear()?,
            Step::Out { by, to, cents, fee } => self.out(*by, *to, *cents, *fee)?,
            Step::OutOften { by, cents, fee } => self.out_often(*by, *cents, *fee)?,
            Step::Bump { pick, fee } => self.bump(*pick, *fee)?,
            Step::Cancel { pick } => self.cancel(*pick)?,
            Step::Stake { validator, vvv } => self.stake(*validator, *vvv)?,
            Step::Rotate { validator } => self.chain.rotate(*validator % VALIDATORS + 1)?,
            Step::Order(action) => self.order(*action)?,
            Step::Resolve { pick, release } => self.resolve(*pick, *release)?,
            Step::Ship { by } => self.ship(*by)?,
            Step::Relay { pick, by } => self.relay(*pick, *by)?,
            Step::Update { back } => self.update(*back)?,
            Step::Act { back } => self.act(*back)?,
            Step::InstallProposed => self.install_proposed()?,
            Step::Recover => self.recover()?,
            Step::Pause { mask, ahead } => self.pause(*mask, *ahead)?,
            Step::PauseByGuardian => self.pause_by_guardian()?,
            Step::Veto { pick } => self.veto(*pick)?,
            Step::VetoSet => self.veto_set()?,
            Step::LowerLimits { percent } => self.lower_limits(*percent)?,
            Step::Release { pick } => self.release(*pick)?,
            Step::Burn { by, to, part } => self.burn(*by, *to, *part)?,
            Step::BurnOften { by } => self.burn_often(*by)?,
            Step::Again { pick } => self.send_again(*pick)?,
            Step::Forge(forged) => self.forge(forged)?,
        }
        Ok(())
    }
}
