// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {Digests} from "../../src/bridge/Digests.sol";
import {Journal} from "../../src/bridge/Journal.sol";
import {Sets} from "../../src/bridge/Sets.sol";
import {State} from "../../src/bridge/State.sol";
import {Json, JsonLib} from "./Json.sol";

/// @dev The libraries of the bridge, which read calldata.
contract Libraries {
    function domain(bytes32 salt, address bridge) external view returns (bytes32) {
        return Digests.domain(salt, bridge);
    }

    function digest(bytes32 separator, bytes32 structHash) external pure returns (bytes32) {
        return MessageHashUtils.toTypedDataHash(separator, structHash);
    }

    function batch(uint64 nonce, uint64 deadline, uint128 fee, bytes calldata transfers)
        external
        pure
        returns (bytes32)
    {
        return Digests.batch(nonce, deadline, fee, transfers);
    }

    function check(bytes calldata set) external pure {
        Sets.check(set);
    }

    function setHash(bytes32 salt, uint64 nonce, uint64 createdAt, bytes calldata set) external pure returns (bytes32) {
        return Sets.hash(salt, nonce, createdAt, set);
    }

    function signedPower(bytes calldata set, bytes calldata sigs, bytes32 toSign)
        external
        pure
        returns (uint256 signed, uint256 total)
    {
        return Sets.signedPower(set, sigs, toSign);
    }
}

/// @dev The journal of the bridge, beginning with any hash.
contract OpenJournal is Journal {
    using JsonLib for Json;

    constructor(bytes32 before) State(keccak256("salt"), 1, "chain", "unit") {
        rollingHash = before;
    }

    /// @dev Records the event with the fields of a vector.
    function record(uint256 kind, Json calldata fields) external {
        Json memory given = fields;
        if (kind == 1) {
            _recordBurn(given.account("sender"), given.account("recipient"), given.u128("amount"));
        } else if (kind == 2) {
            _recordBatchExecuted(
                given.u64("batchNonce"),
                given.word("structHash"),
                given.account("relayer"),
                given.u128("minted"),
                given.u128("fee"),
                given.u128("queued")
            );
        } else if (kind == 3) {
            _recordSetInstalled(given.u64("nonce"), given.word("setHash"), given.account("submitter"));
        } else if (kind == 4) {
            _recordQueued(
                given.u64("queueId"),
                given.u64("batchNonce"),
                given.u16("index"),
                given.u128("amount"),
                given.u64("readyAt")
            );
        } else if (kind == 5) {
            _recordReleased(given.u64("queueId"), given.u128("amount"));
        } else if (kind == 6) {
            _recordCancelled(given.u64("queueId"), given.u128("amount"));
        } else if (kind == 7) {
            _recordStatusChanged(given.u64("pausedUntil"), given.u64("pauseNonce"));
        } else if (kind == 8) {
            _recordLimitsChanged(given.u128("mintCapacity"), given.u16("shareBps"), given.u64("at"));
        } else if (kind == 9) {
            _recordMoveAnnounced(given.account("bridge"), given.u64("at"));
        } else if (kind == 10) {
            _recordGuardianChanged(given.account("guardian"));
        } else if (kind == 11) {
            _recordVeto(uint8(given.number("what")), given.u64("id"), given.u64("until"));
        } else if (kind == 12) {
            _recordAdminExecuted(given.u64("adminNonce"), given.word("structHash"));
        } else {
            require(kind == 13, "unknown kind");
            _recordSetProposed(given.u64("nonce"), given.word("setHash"), given.u64("installAt"));
        }
    }
}
