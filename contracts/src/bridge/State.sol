// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {BitMaps} from "@openzeppelin/contracts/utils/structs/BitMaps.sol";
import {DiemToken} from "../DiemToken.sol";
import {Digests} from "./Digests.sol";
import {Zero} from "./Errors.sol";
import {Limits} from "./Limits.sol";

/// @dev A mint that found no room. Two slots.
struct Item {
    address to;
    /// The second from which anyone may release it.
    uint64 readyAt;
    uint128 amount;
    /// The end of the guardian's freeze; 0 if there is none.
    uint64 vetoedUntil;
    /// No veto is possible any more: the guardian used his, or the validators decided.
    bool vetoed;
}

/// @dev A set that the members of a stale one signed. Two slots.
struct Proposal {
    uint64 nonce;
    uint64 createdAt;
    /// The second from which anyone may install it; 0 if there is no proposal.
    uint64 installAt;
    bytes32 setHash;
}

/// @title All storage of the bridge
/// @dev Slots 0 to 2 are read by storage proof: this is the first base with storage, and these lines come first in it.
abstract contract State {
    /// @notice How many events there were. The first one has the nonce 1.
    uint64 public eventNonce;
    /// @notice Nonce of the stored validator set.
    uint64 public setNonce;
    /// @notice When the stored set was made, in seconds of the DIEM chain.
    uint64 public setCreatedAt;
    /// @notice 0 until the first set is installed, then 1.
    uint8 public status;
    /// @notice Folds the hashes of all events, beginning with the domain separator.
    bytes32 public rollingHash;
    /// @notice Hash of the stored set; the set itself comes with each call.
    bytes32 public setHash;

    /// @notice Whoever may pause, veto and lower limits, and nothing else.
    address public guardian;
    /// @notice Nonce of the last administrative action. A later one needs a higher nonce; gaps are fine.
    uint64 public adminNonce;

    uint64 internal _pauseNonce;
    uint64 internal _guardianAgainAt;

    Limits internal _limits;
    Proposal internal _proposal;

    // These three share a slot, because every batch reads the first two.
    uint64 internal _pausedUntil;
    /// @dev Sum of all items in the queue.
    uint128 internal _queued;
    uint64 internal _lastQueueId;

    mapping(uint64 queueId => Item) internal _queue;
    /// @dev Nonces of executed batches.
    BitMaps.BitMap internal _executed;
    /// @dev Hashes of vetoed sets, so that no veto is undone by sending the same signatures again.
    mapping(bytes32 setHash => bool) internal _vetoedSets;

    /// @notice Names the DIEM chain, its genesis included.
    bytes32 public immutable salt;
    /// @notice EIP-712 domain of everything that validators sign for this bridge.
    bytes32 public immutable domainSeparator;
    /// @notice A set older than this mints nothing, in seconds.
    uint64 public immutable maxSetAge;
    /// @notice The token that this bridge made.
    DiemToken public immutable token;
    uint256 internal immutable _chainId;

    constructor(bytes32 salt_, uint64 maxSetAge_, string memory chainId, string memory denom) {
        require(salt_ != 0 && maxSetAge_ != 0 && bytes(chainId).length != 0 && bytes(denom).length != 0, Zero());
        salt = salt_;
        maxSetAge = maxSetAge_;
        domainSeparator = Digests.domain(salt_, address(this));
        token = new DiemToken(chainId, denom);
        _chainId = block.chainid;
    }
}
