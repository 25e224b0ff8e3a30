//! The input format of the stages of consensus: steps, each a transaction or the end of a block.
//!
//! The layout is fixed and read from the front, so that a mutation in one place changes one step, and so that seeds
//! can be written by [`Step::write`].

use arbitrary::{Arbitrary, Result, Unstructured};

/// The most steps of one input; more would only make it slow.
const MAX_STEPS: usize = 48;

/// A transaction, described by choices. All zeros make a valid transfer of the first person to itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Arbitrary)]
pub struct Plan {
    /// The choice of the sender.
    pub sender: u8,
    /// The distance of its nonce from the sender's next.
    pub nonce: i8,
    /// The choice of its calls.
    pub calls: u8,
    /// The choice of the receiver.
    pub to: u8,
    /// The choice of the amount.
    pub amount: u8,
    /// The choice of the fee payer, if that is not the sender.
    pub payer: u8,
    /// The choice of one more unusual property.
    pub oddity: u8,
    /// The choice of its calls' other arguments: another person, a day, a limit, a number.
    pub detail: u8,
}

/// One step of an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A transaction as it was signed.
    Signed(Plan),
    /// A transaction with a byte changed after signing: at this place, by this mask.
    Spoilt(Plan, u16, u8),
    /// A transaction that is cut off at this place.
    Cut(Plan, u16),
    /// Bytes that need not be a transaction.
    Raw(Vec<u8>),
    /// An earlier transaction, once more.
    Again(u8),
    /// The block ends here, and the next one comes a second later.
    Block,
    /// The block ends here. The lowest six bits give the seconds by which the next one is later than usual: up to a
    /// minute, which is three days; with bit 6 the second validator stops signing, without it signs again; with bit 7
    /// one of the validators is proven to have voted twice.
    Later(u8),
}

impl<'a> Arbitrary<'a> for Step {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(match u.arbitrary::<u8>()? {
            0x00..=0x8f => Self::Signed(u.arbitrary()?),
            0x90..=0xaf => Self::Spoilt(u.arbitrary()?, u.arbitrary()?, u.arbitrary()?),
            0xb0..=0xbf => Self::Cut(u.arbitrary()?, u.arbitrary()?),
            0xc0..=0xcf => {
                let length = u.arbitrary::<u16>()?;
                let length = usize::from(length).min(u.len());
                Self::Raw(u.bytes(length)?.to_vec())
            }
            0xd0..=0xdf => Self::Again(u.arbitrary()?),
            0xe0..=0xf3 => Self::Block,
            0xf4..=0xff => Self::Later(u.arbitrary()?),
        })
    }
}

impl Step {
    /// Whether the step ends a block.
    pub const fn ends_block(&self) -> bool {
        matches!(self, Self::Block | Self::Later(_))
    }

    /// Appends the bytes from which this step is read.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Signed(plan) => {
                out.push(0x00);
                plan.write(out);
            }
            Self::Spoilt(plan, place, mask) => {
                out.push(0x90);
                plan.write(out);
                out.extend(place.to_le_bytes());
                out.push(*mask);
            }
            Self::Cut(plan, place) => {
                out.push(0xb0);
                plan.write(out);
                out.extend(place.to_le_bytes());
            }
            Self::Raw(bytes) => {
                let bytes = &bytes[..bytes.len().min(usize::from(u16::MAX))];
                out.push(0xc0);
                out.extend(u16::try_from(bytes.len()).unwrap().to_le_bytes());
                out.extend(bytes);
            }
            Self::Again(which) => out.extend([0xd0, *which]),
            Self::Block => out.push(0xe0),
            Self::Later(how) => out.extend([0xf4, *how]),
        }
    }
}

impl Plan {
    fn write(&self, out: &mut Vec<u8>) {
        let [nonce] = self.nonce.to_le_bytes();
        out.extend([self.sender, nonce, self.calls, self.to, self.amount, self.payer, self.oddity, self.detail]);
    }
}

/// Reads the steps of an input.
pub fn steps(data: &[u8]) -> Vec<Step> {
    let mut input = Unstructured::new(data);
    let more = || (!input.is_empty()).then(|| input.arbitrary().unwrap_or(Step::Block));
    std::iter::from_fn(more).take(MAX_STEPS).collect()
}
