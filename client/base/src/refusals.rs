//! What each error of the contracts means for whoever made the call: what is wrong, why, and what to do.

/// The sentences by the names of the errors, in the order of `contracts/src/bridge/Errors.sol`, then the token's and those
/// of the libraries. `{0}` and `{1}` stand for the arguments.
const SENTENCES: [(&str, &str); 49] = [
    ("Zero", "a recipient, a guardian or an amount is zero, which the contract takes nowhere: name another"),
    ("WrongChain", "the bridge was made on another chain than {0}: name an endpoint of its own chain with --base-rpc"),
    (
        "Fresh",
        "no validator set was installed since the bridge was made, so it mints nothing yet: `diemd bridge status` shows \
         who has signed one, and `diemd bridge relay BATCH` installs it",
    ),
    (
        "Paused",
        "minting on Base is paused until {0}: wait, or let the authority end it with `diemd bridge admin unpause`; burning \
         works meanwhile, and what is not sealed can be cancelled",
    ),
    (
        "Closed",
        "minting on Base is closed, because its capacity is 0: the authority opens it with `diemd bridge admin limits`; \
         burning works meanwhile, and what is not sealed can be cancelled",
    ),
    (
        "StoredSetStale",
        "the validator set on Base is too old to mint: a newer one is proposed there and has to wait, which a relayer sees \
         to; burning works meanwhile",
    ),
    (
        "WrongSet",
        "Base has installed another validator set than the one that was sent: it has just changed, so try again",
    ),
    (
        "WrongSignatureList",
        "the list of signatures does not fit the validator set: the node gave a wrong one, so ask another with --node",
    ),
    (
        "WrongSigner",
        "the signature of member {0} of the validator set is not that member's: the node gave a wrong one, so ask another \
         with --node",
    ),
    (
        "NotEnoughPower",
        "{0} of {1} power has signed, which is too little for this: let more validators sign, and try again",
    ),
    (
        "Expired",
        "the batch could be minted until {0}, which is over: its transfers are refunded with their fees once a later block \
         of Base is attested",
    ),
    ("NonceUsed", "batch {0} was executed on Base before: nothing is left to be done for it"),
    (
        "WrongTransfers",
        "the transfers of the batch are not written as the contract reads them: the node gave wrong ones, so ask another \
         with --node",
    ),
    (
        "MalformedSet",
        "the new validator set is not written as the contract reads it: the node gave a wrong one, so ask another with \
         --node",
    ),
    ("SetNotNewer", "Base has this validator set or a newer one already: nothing is left to be done for it"),
    (
        "SetFromTheFuture",
        "the validator set was made more than a day ahead of Base's clock: compare the clock of the chain, and wait",
    ),
    (
        "SetTooOld",
        "the validator set would be too old to mint once it is installed: wait for the chain's next set, and send that",
    ),
    ("ProposalWaits", "validator set {0} is proposed on Base already: a relayer installs it once its time has come"),
    ("SetVetoed", "the guardian has vetoed this validator set: wait for the chain's next set, and send that"),
    (
        "NoProposal",
        "no such validator set is proposed on Base: it was installed or vetoed before, or it never was there",
    ),
    ("TooEarly", "it is too early for this: try again from {0} on"),
    (
        "AdminNonceUsed",
        "Base has carried out an action of number {0} or above already: if this one is still wanted, the authority orders \
         it anew with `diemd bridge admin`",
    ),
    (
        "WrongPauseNonce",
        "the last pause or end of one on Base has number {0}, and this one does not follow it: somebody else was faster; \
         `diemd bridge status --base-rpc URL` shows whether minting is paused",
    ),
    ("WrongShare", "a share is 0.01% to 100%: name another"),
    ("LimitRises", "the guardian may lower limits only: the authority raises them with `diemd bridge admin limits`"),
    (
        "NotGuardian",
        "the account is not the guardian on Base: send it with the guardian's key; `diemd bridge status` shows the guardian",
    ),
    ("NoSuchMove", "no move to this bridge is announced on Base: look at the address that was announced"),
    (
        "NoSuchItem",
        "no item {0} waits in the queue on Base: it was minted or cancelled before, or it never was there; `diemd bridge \
         list --queue` shows what waits",
    ),
    ("AlreadyVetoed", "item {0} was vetoed once, or the validators have decided about it: it cannot be vetoed again"),
    (
        "CapReached",
        "this would raise the nDIEM on Base above the most that there may be: it can be minted once enough was burned there",
    ),
    ("BurnTooSmall", "Base burns at least 0.01 DIEM: burn more"),
    (
        "RecipientHasNoKey",
        "the sender is a contract, and nobody has a key for its address on the DIEM chain: name an account there that \
         somebody has the key of",
    ),
    ("ReentrancyGuardReentrantCall", "the contract was called from within its own call: call it from an account"),
    ("NotBridge", "{0} is not the bridge, which alone does this to the token: call the bridge"),
    ("NoBridge", "a bridge at the zero address cannot be announced: name another"),
    ("NoMove", "no move of the token to another bridge waits: nothing is left to be done"),
    ("ERC20InsufficientBalance", "{0} has {1} adiem of nDIEM, which is too little: send or burn less"),
    ("ERC20InsufficientAllowance", "{0} may move {1} adiem of the owner's nDIEM, which is too little: approve more"),
    ("ERC20InvalidSender", "{0} cannot send nDIEM: send it from an account that is not zero"),
    ("ERC20InvalidReceiver", "{0} cannot get nDIEM: name a recipient that is neither zero nor the token itself"),
    ("ERC20InvalidApprover", "{0} cannot approve anything: approve from an account that is not zero"),
    ("ERC20InvalidSpender", "{0} cannot be approved: name an account that is not zero"),
    (
        "ERC20ExceededCap",
        "{0} adiem of nDIEM would be above the most that there may be, {1}: it can be minted once enough was burned there",
    ),
    ("ERC2612ExpiredSignature", "the signature of the permit has expired: sign a new one"),
    ("ERC2612InvalidSigner", "{0} signed the permit, and the owner is {1}: sign it with the owner's key"),
    ("InvalidAccountNonce", "the permit of {0} has another number than {1}, which is the next: sign a new one"),
    ("ECDSAInvalidSignature", "the signature of the permit is none: sign it again"),
    ("ECDSAInvalidSignatureLength", "the signature of the permit has {0} bytes and not 65: sign it again"),
    ("ECDSAInvalidSignatureS", "the signature of the permit is not in its one accepted form (low s): sign it again"),
];

/// Errors that only a constructor gives, and none of the arguments that this program makes one with.
#[cfg(test)]
const OF_CONSTRUCTORS: [&str; 3] = ["ERC20InvalidCap", "InvalidShortString", "StringTooLong"];

/// The sentence about an error of this name with these arguments; `None` if it is none that a call can meet.
pub(crate) fn sentence<'a>(name: &str, arguments: impl Iterator<Item = &'a str>) -> Option<String> {
    let (_, sentence) = SENTENCES.iter().find(|(known, _)| *known == name)?;
    let fill = |text: String, (place, argument): (usize, &str)| text.replace(&format!("{{{place}}}"), argument);
    Some(arguments.enumerate().fold((*sentence).to_owned(), fill))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeMap;

    use serde_json::Value;

    use super::*;

    /// The errors of both contracts by their ABI, with the numbers of their arguments.
    fn of_the_abi() -> BTreeMap<String, usize> {
        let artifacts = [
            include_str!("../../../contracts/artifacts/DiemBridge.json"),
            include_str!("../../../contracts/artifacts/DiemToken.json"),
        ];
        let mut errors = BTreeMap::new();
        for artifact in artifacts {
            let artifact: Value = serde_json::from_str(artifact).unwrap();
            for item in artifact["abi"].as_array().unwrap().iter().filter(|item| item["type"] == "error") {
                let inputs = item["inputs"].as_array().unwrap().len();
                errors.insert(item["name"].as_str().unwrap().to_owned(), inputs);
            }
        }
        errors
    }

    #[test]
    fn every_error_of_the_contracts_has_a_sentence_and_no_sentence_is_about_another() {
        let mut errors = of_the_abi();
        for name in OF_CONSTRUCTORS {
            assert!(errors.remove(name).is_some(), "{name} is none of the contracts");
            assert_eq!(sentence(name, std::iter::empty()), None);
        }
        assert_eq!(errors.len(), SENTENCES.len());
        for (name, inputs) in errors {
            let text = sentence(&name, vec!["5"; inputs].into_iter());
            let text = text.unwrap_or_else(|| panic!("{name} has no sentence"));
            assert!(!text.contains('{'), "{name}: {text}");
            assert!(text.contains(": ") && !text.ends_with('.'), "{name} says what is wrong and what to do: {text}");
        }
    }
}
