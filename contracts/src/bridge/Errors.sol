// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

// Why a call is refused. All of them leave everything as it was.

/// @dev A constructor argument, a guardian or a recipient is zero.
error Zero();
/// @dev The chain id is not the one that the bridge was made on: Base split, and this side is not Base.
error WrongChain(uint256 chainId);
/// @dev No validator set was installed since the bridge was made.
error Fresh();
/// @dev Minting is paused until this second; 2^64-1 means until Unpause.
error Paused(uint64 until);
/// @dev The mint capacity is 0.
error Closed();
/// @dev The stored validator set is older than `maxSetAge`.
error StoredSetStale();

/// @dev The bytes given as the stored validator set are not those of the stored hash.
error WrongSet();
/// @dev A signature list has another length than its bitmap asks for, or a bit beyond the last member.
error WrongSignatureList();
/// @dev The signature of this member of the set is not his, or is malleable.
error WrongSigner(uint256 member);
/// @dev The signers' power is too little for this call.
error NotEnoughPower(uint256 signed, uint256 total);

/// @dev The batch's deadline is over.
error Expired(uint64 deadline);
/// @dev A batch of this nonce was executed before, or the nonce is 0.
error NonceUsed(uint64 nonce);
/// @dev The transfers are none, more than 100, or not 36 bytes each.
error WrongTransfers();

/// @dev A set must have 1 to 150 members in strictly ascending order, no power of zero, and the total of the powers.
error MalformedSet();
/// @dev The set is not newer than the stored one by nonce and by time.
error SetNotNewer();
/// @dev The set's time is more than a day ahead of Base's.
error SetFromTheFuture();
/// @dev The set is too old to be installed, or will be before it may be.
error SetTooOld();
/// @dev A proposed set waits; another is taken after a veto or when it is too old.
error ProposalWaits(uint64 nonce);
/// @dev This very set was proposed and vetoed.
error SetVetoed();
/// @dev No proposed set waits, or not the one that was named.
error NoProposal();
/// @dev It is too early; this second is the first that is not.
error TooEarly(uint64 from);

/// @dev The administrative action's nonce is not above that of the last one.
error AdminNonceUsed(uint64 adminNonce);
/// @dev A pause must be 1 to 4 above the stored nonce, and Unpause must name the stored one.
error WrongPauseNonce(uint64 stored);
/// @dev A share is 1 to 10,000 hundredths of a percent.
error WrongShare();
/// @dev The guardian may lower limits only.
error LimitRises();
/// @dev The caller is not the guardian.
error NotGuardian();
/// @dev No move to this bridge is announced.
error NoSuchMove();

/// @dev No item of this id waits in the queue.
error NoSuchItem(uint64 queueId);
/// @dev The guardian's one veto of this item is used up, or the validators decided already.
error AlreadyVetoed(uint64 queueId);
/// @dev The item would raise the supply above the cap.
error CapReached();

/// @dev A burn is at least 0.01 DIEM.
error BurnTooSmall();
/// @dev A contract has no key on the DIEM chain, so its own address would be lost there.
error RecipientHasNoKey();
