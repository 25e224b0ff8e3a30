//! The way from a call to a transaction that a node has.

use anyhow::anyhow;
use diem_api::{Hash, TxView};
use diem_client::{
    Sender,
    build::{Draft, Intent},
};
use diem_core::{Address, Amount, keys::KeyKind};
use diem_types::{Call, Signed, Tx};
use diem_wallet::{KeyFile, Secret};

use super::{
    file::TxFile,
    hand_on::{InTurn, hand_on},
    make::{Make, Wallet},
    outcome::SendOptions,
    preview,
};
use crate::{
    Failure,
    common::confirm,
    failure::usage,
    known::{build_error, say_unproven},
    output::{Output, say},
    receivers, tables,
};

impl Wallet<'_> {
    /// Completes, shows, signs and sends a transaction with this call, and prints what became of it.
    ///
    /// # Errors
    /// The exit code tells how far the transaction came; the sentence says what to do.
    pub async fn send(&self, make: &Make, call: Call) -> Result<(), Failure> {
        call.message().validate().map_err(usage)?;
        let names = self.names();
        let key = self.keys.get(&make.from)?;
        let sender = self.who(&make.from)?;
        let payer = make.fee_payer.as_ref().map(|text| payer(self, make, text)).transpose()?;
        receivers::check(&call, &self.chain.chain_id)?;
        // The signatures that an earlier command left open are known, and settled where they can be, before anything is
        // shown.
        let chosen = make.nonce.is_some();
        self.settle(sender, chosen, chosen || make.dry_run).await?;
        let draft = self.draft(make, call, &key, payer.as_ref()).await?;
        let payer_kind = payer.as_ref().map(Payer::kind);
        if make.dry_run {
            say_unproven(self.client.url(), self.told());
            return preview::preview(self.common.output, &self.client, &draft, &names, key.kind, payer_kind).await;
        }
        self.say_unproven(&draft, make);
        if make.unsigned {
            return Output::Json.print(&TxFile::new(&draft.tx), |_| String::new());
        }
        // Where nobody is asked, the result is told in one line afterwards.
        if !make.sending.yes || make.sending.verbose {
            let fee = format!("{} VVV ({} gas)", draft.fee, draft.gas);
            say(&tables::draft(&TxView::new_unsigned(&draft.tx, 0), &names, Some(fee), None));
        }
        if !make.preview.no_preview {
            let asked = preview::Asked { draft: &draft, sender: key.kind, payer: payer_kind, chosen };
            preview::before_sending(&self.client, &asked, &names, make.sending.yes).await?;
        }
        confirm("Send it?", make.sending.yes)?;
        let signers = Signers::open(make, &draft.tx.chain_id, &key, payer.as_ref())?;
        let options = SendOptions { sending: &make.sending, output: self.common.output, names: &names };
        self.sign_and_send(draft.tx, &signers, chosen, &options).await
    }

    async fn draft(&self, make: &Make, call: Call, key: &KeyFile, payer: Option<&Payer>) -> Result<Draft, Failure> {
        let intent = Intent {
            fee_payer: payer.map(|payer| (payer.address, payer.kind())),
            memo: make.memo.clone(),
            nonce: make.nonce,
            expiry: make.expiry,
            gas_price: make.gas_price.map(Amount::new),
            max_fee: make.max_fee,
            ..Intent::new(key.address, key.kind, vec![call])
        };
        let draft = self.client.draft(intent).await.map_err(build_error)?;
        match make.genesis_hash {
            Some(Hash(trusted)) if trusted != draft.tx.genesis_hash => Err(usage(anyhow!(
                "the node's chain has the genesis hash {}, not the one that you trust: nothing was signed",
                Hash(draft.tx.genesis_hash)
            ))),
            _ => Ok(draft),
        }
    }

    /// Shows the values of a draft that are signed on the node's word alone: by themselves, and in one line where
    /// nobody is asked.
    fn say_unproven(&self, draft: &Draft, make: &Make) {
        let in_one_line = make.sending.yes && !make.sending.verbose && !make.unsigned;
        let mut lines = self.told();
        lines.extend(draft.unproven.nonce.map(|nonce| ("nonce", nonce.to_string())));
        lines.extend(draft.unproven.height.map(|height| {
            let until = format!("height {}", draft.tx.expiry);
            let why =
                if in_one_line { String::new() } else { format!(", because the chain is said to be at {height}") };
            ("valid until", until + &why)
        }));
        let known = self.chain.min_gas_price;
        lines.extend(draft.unproven.gas_price.filter(|price| *price != known).map(|price| {
            ("gas price", format!("{} avvv; it was {} when this wallet first saw the chain", price.get(), known.get()))
        }));
        if in_one_line && !lines.is_empty() {
            let words: Vec<String> = lines.iter().map(|(what, value)| format!("{what} {value}")).collect();
            say(&format!("On the word of {}, unproven: {}", self.client.url(), words.join(", ")));
        } else {
            say_unproven(self.client.url(), lines);
        }
    }

    /// Takes the signatures that an earlier command left open, and has the chain prove which of them cannot count any
    /// more. Their outcome is reported, because the user may not know it yet.
    async fn settle(&self, sender: Address, chosen: bool, goes_on: bool) -> Result<(), Failure> {
        let sender = self.chain.sender(sender);
        let turn = InTurn::take(self.common, sender.clone(), &self.client, goes_on)?;
        if chosen || self.client.unsettled(&sender).is_empty() {
            return Ok(());
        }
        let settled = match self.client.settle(&sender).await {
            Ok(settled) => settled,
            Err(error) => {
                say(&format!("nothing proves what became of the transactions before: {error}"));
                return Ok(());
            }
        };
        turn.keep(self.client.unsettled(&sender));
        for open in settled {
            let found = match &open.hash {
                Some(hash) => self.client.transaction(hash).await.ok(),
                None => None,
            };
            let what = match found {
                Some(found) => format!("is in block {}", found.height),
                None => format!("can be in no block any more: nonce {} is used, or its height has passed", open.nonce),
            };
            say(&format!("transaction {}, sent before, {what}", open.name()));
        }
        Ok(())
    }

    /// Signs once and sends. Commands of one sender that run at the same time take turns, from asking for the nonce
    /// until the node has accepted the transaction, so that none signs with a nonce that another of this wallet has.
    ///
    /// No command makes a second signature. That the first one waits nowhere would be the node's word alone; a node
    /// that lies, or somebody before it, would collect several payments with one confirmation, all of them valid. So a
    /// transaction that was refused or lost is kept, and the next command signs with no other nonce unless it is told.
    async fn sign_and_send(
        &self,
        mut tx: Tx,
        signers: &Signers,
        chosen: bool,
        options: &SendOptions<'_>,
    ) -> Result<(), Failure> {
        let sender = Sender::of(&tx);
        let turn = InTurn::take(self.common, sender.clone(), &self.client, chosen)?;
        if !chosen {
            let next = self.client.next_nonce(&sender).await.map_err(build_error)?;
            if next != tx.nonce {
                say(&format!("nonce {} was taken meanwhile, the next is {next}", tx.nonce));
                tx.nonce = next;
            }
        }
        let bytes = signers.sign(&tx)?;
        let signed = Signed::decode(&bytes).map_err(usage)?;
        hand_on(self.common, &self.client, turn, &signed, bytes, options).await
    }
}

/// The secrets that sign, open for as long as the command runs.
struct Signers {
    sender: Secret,
    payer: Option<Secret>,
}

impl Signers {
    fn open(make: &Make, chain_id: &str, key: &KeyFile, payer: Option<&Payer>) -> Result<Self, Failure> {
        let sender = make.passphrase.open(&make.from, key, chain_id)?;
        let payer = match (&make.fee_payer, payer) {
            (Some(name), Some(payer)) => {
                let key = payer.key.as_ref().ok_or_else(|| {
                    usage(anyhow!("`{name}` is no key here and cannot sign: use --unsigned, and `diemd tx sign` there"))
                })?;
                Some(make.passphrase.open(name, key, chain_id)?)
            }
            _ => None,
        };
        Ok(Self { sender, payer })
    }

    fn sign(&self, tx: &Tx) -> Result<Vec<u8>, Failure> {
        let mut file = TxFile::new(tx);
        file.sign(&self.sender.key())?;
        if let Some(payer) = &self.payer {
            file.sign(&payer.key())?;
        }
        file.bytes()
    }
}

struct Payer {
    address: Address,
    key: Option<KeyFile>,
}

impl Payer {
    /// A signature that is made elsewhere is counted with the default kind, the larger one.
    fn kind(&self) -> KeyKind {
        self.key.as_ref().map_or(KeyKind::Ed25519, |key| key.kind)
    }
}

fn payer(wallet: &Wallet<'_>, make: &Make, text: &str) -> Result<Payer, Failure> {
    let address = wallet.who(text)?;
    if text == make.from {
        return Err(usage(anyhow!("the sender pays the fee anyway: leave --fee-payer out")));
    }
    Ok(Payer { address, key: wallet.keys.get(text).ok() })
}
